// Section 3: the mask of dropout, 0 with probability `rate`, else `scale` = 1 / (1 - rate).
#include "philox.cuh"

// The number of unit u in image first + n depends on (key, first + n, u) alone: image and unit are Philox's counter, so that
// parts of a batch have the same numbers as the whole. The key is 96 bits, 64 of them Philox's key, 32 in the counter. A thread
// makes the four numbers of one counter, all of one image.
template <typename T>
__global__ void dropout_mask(T* __restrict__ mask, int images, int units, float rate, T scale, unsigned key0, unsigned key1,
                             unsigned key2, unsigned long long first) {
  const int quads = (units + 3) / 4;
  const long long count = (long long)images * quads;
  for (long long e = blockIdx.x * (long long)blockDim.x + threadIdx.x; e < count; e += (long long)gridDim.x * blockDim.x) {
    const int quad = (int)(e % quads);
    const unsigned long long image = first + e / quads;
    const Words bits = philox({{(unsigned)quad, (unsigned)image, (unsigned)(image >> 32), key2}}, key0, key1);
    T* to = mask + e / quads * units + 4 * quad;
    for (int v = 0; v < 4 && 4 * quad + v < units; ++v) {
      const float uniform = (bits.v[v] >> 8) * 5.9604644775390625e-8f;  // 2^-24: 24 bits fill a float's mantissa
      to[v] = uniform < rate ? T(0) : scale;
    }
  }
}
