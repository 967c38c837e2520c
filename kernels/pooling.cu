// Section 2.1, figure 1: max pooling that records its switches, and unpooling through them.
#include "pack.cuh"

// One thread takes V neighbouring maps of one place; a block row takes output rows, so that only one division is left.
template <typename T, int V>
__global__ void max_pool(const T* __restrict__ x, T* __restrict__ y, int* __restrict__ maybe_switches, int n, int h, int w,
                         int c, int oh, int ow, int window, int stride, int pad) {
  const int packs = c / V, p = blockIdx.x * blockDim.x + threadIdx.x;
  if (p >= ow * packs) return;
  const int place = p / packs, map = p % packs * V;
  const int left = max(place * stride - pad, 0), right = min(place * stride - pad + window, w);
  for (int line = blockIdx.y; line < n * oh; line += gridDim.y) {
    const int row = line % oh * stride - pad, top = max(row, 0), bottom = min(row + window, h);
    const T* image = x + (size_t)(line / oh) * h * w * c + map;
    Pack<T, V> best = load<V>(image + (size_t)(top * w + left) * c);
    Pack<int, V> where;
    for (int v = 0; v < V; ++v) where.v[v] = top * w + left;
    for (int i = top; i < bottom; ++i)
      for (int j = left; j < right; ++j) {
        const Pack<T, V> seen = load<V>(image + (size_t)(i * w + j) * c);
#pragma unroll
        for (int v = 0; v < V; ++v) {
          const bool first_nan = seen.v[v] != seen.v[v] && best.v[v] == best.v[v];
          if (seen.v[v] > best.v[v] || first_nan) {  // of equal values the first stays; no value is larger than NaN
            best.v[v] = seen.v[v];
            where.v[v] = i * w + j;
          }
        }
      }
    const size_t to = ((size_t)line * ow + place) * c + map;
    store(y + to, best);
    if (maybe_switches) store(maybe_switches + to, where);
  }
}

// Every input pixel asks the few windows that could have chosen it, in raster order: no atomics, the same sum every time.
// OVERWRITE: where windows share a maximum the last one wins instead of all adding up.
template <typename T, int V, bool OVERWRITE>
__global__ void unpool(const T* __restrict__ y, const int* __restrict__ switches, T* __restrict__ x, int n, int h, int w,
                       int c, int oh, int ow, int window, int stride, int pad) {
  const int packs = c / V, p = blockIdx.x * blockDim.x + threadIdx.x;
  if (p >= w * packs) return;
  const int j = p / packs, map = p % packs * V;
  const int left = max(j + pad - window + stride, 0) / stride, right = min((j + pad) / stride + 1, ow);
  for (int line = blockIdx.y; line < n * h; line += gridDim.y) {
    const int i = line % h, image = line / h;
    const int top = max(i + pad - window + stride, 0) / stride, bottom = min((i + pad) / stride + 1, oh);
    Pack<T, V> sum = {};
    for (int a = top; a < bottom; ++a)
      for (int b = left; b < right; ++b) {
        const size_t from = (((size_t)image * oh + a) * ow + b) * c + map;
        const Pack<int, V> chosen = load<V>(switches + from);
        const Pack<T, V> value = load<V>(y + from);
#pragma unroll
        for (int v = 0; v < V; ++v)
          if (chosen.v[v] == i * w + j) sum.v[v] = OVERWRITE ? value.v[v] : sum.v[v] + value.v[v];
      }
    store(x + ((size_t)line * w + j) * c + map, sum);
  }
}
