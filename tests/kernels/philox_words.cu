// The bits behind dropout (section 3) as they are, for the published vectors.
#include "philox.cuh"

__global__ void philox_words(const unsigned* __restrict__ counter, const unsigned* __restrict__ key,
                             unsigned* __restrict__ out) {
  const Words bits = philox({{counter[0], counter[1], counter[2], counter[3]}}, key[0], key[1]);
  for (int v = 0; v < 4; ++v) out[v] = bits.v[v];
}
