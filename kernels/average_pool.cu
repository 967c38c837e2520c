// Average pooling and its adjoint, for nets that came after the paper's (an extension; the windows of figure 3 and section 2.1).
#include "pack.cuh"
#include "pooling.cuh"

// Along one side, the pixels of the window from `first` on that an average is divided by: those in the image, and in its padding
// if that counts. What a window that hangs over the border sees beyond the padding counts in neither case.
__device__ __forceinline__ int counted(int first, int window, int size, int before, int after, int count_padding) {
  return min(first + window, size + (count_padding ? after : 0)) - max(first, count_padding ? -before : 0);
}

__device__ __forceinline__ int pixels_counted(int a, int b, const Pooling& g, int count_padding) {
  return counted(a * g.stride_h - g.pad_top, g.kh, g.h, g.pad_top, g.pad_bottom, count_padding) *
         counted(b * g.stride_w - g.pad_left, g.kw, g.w, g.pad_left, g.pad_right, count_padding);
}

// One thread takes VEC neighbouring maps of one position, as in max_pool.
template <typename T, int VEC>
__global__ void average_pool(const T* __restrict__ x, T* __restrict__ y, const Pooling g, int count_padding) {
  const int packs = g.c / VEC, p = blockIdx.x * blockDim.x + threadIdx.x;
  if (p >= g.ow * packs) return;
  const int position = p / packs, map = p % packs * VEC;
  const int first_column = position * g.stride_w - g.pad_left;
  const int left = max(first_column, 0), right = min(first_column + g.kw, g.w);
  for (int line = blockIdx.y; line < g.n * g.oh; line += gridDim.y) {
    const int first_row = line % g.oh * g.stride_h - g.pad_top, top = max(first_row, 0), bottom = min(first_row + g.kh, g.h);
    const T* image = x + (size_t)(line / g.oh) * g.h * g.w * g.c + map;
    Pack<T, VEC> sum = {};
    for (int i = top; i < bottom; ++i)
      for (int j = left; j < right; ++j) {
        const Pack<T, VEC> pixel = load<VEC>(image + (size_t)(i * g.w + j) * g.c);
#pragma unroll
        for (int v = 0; v < VEC; ++v) sum.v[v] += pixel.v[v];
      }
    const T count = pixels_counted(line % g.oh, position, g, count_padding);
#pragma unroll
    for (int v = 0; v < VEC; ++v) sum.v[v] /= count;
    store(y + ((size_t)line * g.ow + position) * g.c + map, sum);
  }
}

// Every input pixel adds up its shares of the windows that hold it, in raster order: no atomics.
template <typename T, int VEC>
__global__ void average_pool_transpose(const T* __restrict__ y, T* __restrict__ x, const Pooling g, int count_padding) {
  const int packs = g.c / VEC, p = blockIdx.x * blockDim.x + threadIdx.x;
  if (p >= g.w * packs) return;
  const int j = p / packs, map = p % packs * VEC;
  const int left = first_window(j, g.kw, g.stride_w, g.pad_left), right = last_window(j, g.stride_w, g.pad_left, g.ow);
  for (int line = blockIdx.y; line < g.n * g.h; line += gridDim.y) {
    const int i = line % g.h, image = line / g.h;
    const int top = first_window(i, g.kh, g.stride_h, g.pad_top), bottom = last_window(i, g.stride_h, g.pad_top, g.oh);
    Pack<T, VEC> sum = {};
    for (int a = top; a < bottom; ++a)
      for (int b = left; b < right; ++b) {
        const Pack<T, VEC> value = load<VEC>(y + (((size_t)image * g.oh + a) * g.ow + b) * g.c + map);
        const T count = pixels_counted(a, b, g, count_padding);
#pragma unroll
        for (int v = 0; v < VEC; ++v) sum.v[v] += value.v[v] / count;
      }
    store(x + ((size_t)line * g.w + j) * g.c + map, sum);
  }
}
