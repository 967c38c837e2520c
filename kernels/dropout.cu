// Section 3: the mask of dropout, 0 with probability `rate`, else `scale` = 1 / (1 - rate).
#include "philox.cuh"

// Number i of the mask depends on (seed, call, i) alone; a thread makes the four numbers of one counter.
template <typename T>
__global__ void dropout_mask(T* mask, long long count, float rate, T scale, unsigned long long seed,
                             unsigned long long call) {
  const long long quads = (count + 3) / 4;
  for (long long q = blockIdx.x * (long long)blockDim.x + threadIdx.x; q < quads; q += (long long)gridDim.x * blockDim.x) {
    const Words counter = {{(unsigned)q, (unsigned)(q >> 32), (unsigned)call, (unsigned)(call >> 32)}};
    const Words bits = philox(counter, (unsigned)seed, (unsigned)(seed >> 32));
    for (int v = 0; v < 4 && 4 * q + v < count; ++v) {
      const float uniform = (bits.v[v] >> 8) * 5.9604644775390625e-8f;  // 2^-24: 24 bits fill a float's mantissa
      mask[4 * q + v] = uniform < rate ? T(0) : scale;
    }
  }
}
