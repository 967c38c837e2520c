// Section 2.1, figure 1: max pooling that records its switches, and unpooling through them.
#include "pack.cuh"
#include "pooling.cuh"

// One thread takes VEC neighbouring maps of one position; a row of blocks takes output rows, so that only one division is left.
template <typename T, int VEC>
__global__ void max_pool(const T* __restrict__ x, T* __restrict__ y, int* __restrict__ maybe_switches, const Pooling g) {
  const int packs = g.c / VEC, p = blockIdx.x * blockDim.x + threadIdx.x;
  if (p >= g.ow * packs) return;
  const int position = p / packs, map = p % packs * VEC;
  const int first_column = position * g.stride_w - g.pad_left;
  const int left = max(first_column, 0), right = min(first_column + g.kw, g.w);
  for (int line = blockIdx.y; line < g.n * g.oh; line += gridDim.y) {
    const int first_row = line % g.oh * g.stride_h - g.pad_top, top = max(first_row, 0), bottom = min(first_row + g.kh, g.h);
    const T* image = x + (size_t)(line / g.oh) * g.h * g.w * g.c + map;
    Pack<T, VEC> best = load<VEC>(image + (size_t)(top * g.w + left) * g.c);
    Pack<int, VEC> where;
    for (int v = 0; v < VEC; ++v) where.v[v] = top * g.w + left;
    for (int i = top; i < bottom; ++i)
      for (int j = left; j < right; ++j) {
        const Pack<T, VEC> pixel = load<VEC>(image + (size_t)(i * g.w + j) * g.c);
#pragma unroll
        for (int v = 0; v < VEC; ++v) {
          const bool first_nan = pixel.v[v] != pixel.v[v] && best.v[v] == best.v[v];
          if (pixel.v[v] > best.v[v] || first_nan) {  // of equal values the first stays; no value is larger than NaN
            best.v[v] = pixel.v[v];
            where.v[v] = i * g.w + j;
          }
        }
      }
    const size_t to = ((size_t)line * g.ow + position) * g.c + map;
    store(y + to, best);
    if (maybe_switches) store(maybe_switches + to, where);
  }
}

// Every input pixel asks the few windows that could have chosen it, in raster order: no atomics, the same sum every time.
// OVERWRITE: where windows share a maximum the last one wins instead of all adding up.
template <typename T, int VEC, bool OVERWRITE>
__global__ void unpool(const T* __restrict__ y, const int* __restrict__ switches, T* __restrict__ x, const Pooling g) {
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
        const size_t from = (((size_t)image * g.oh + a) * g.ow + b) * g.c + map;
        const Pack<int, VEC> chosen = load<VEC>(switches + from);
        const Pack<T, VEC> value = load<VEC>(y + from);
#pragma unroll
        for (int v = 0; v < VEC; ++v)
          if (chosen.v[v] == i * g.w + j) sum.v[v] = OVERWRITE ? value.v[v] : sum.v[v] + value.v[v];
      }
    store(x + ((size_t)line * g.w + j) * g.c + map, sum);
  }
}

// Unpooling of single units' signals, for unit u the windows rows[u] .. + region_h - 1, columns[u] .. + region_w - 1 of image
// images[u]: values (units, region_h, region_w, c) -> x, the pixels that these windows cover. Pixels outside the image become 0,
// and windows that do not exist have no say.
template <typename T, int VEC>
__global__ void unpool_region(const T* __restrict__ values, const int* __restrict__ switches, const int* __restrict__ images,
                              const int* __restrict__ rows, const int* __restrict__ columns, T* __restrict__ x, int units,
                              int region_h, int region_w, const Pooling g) {
  const int height = (region_h - 1) * g.stride_h + g.kh, width = (region_w - 1) * g.stride_w + g.kw;
  const int packs = g.c / VEC, p = blockIdx.x * blockDim.x + threadIdx.x;
  if (p >= width * packs) return;
  const int j = p / packs, map = p % packs * VEC;
  for (int line = blockIdx.y; line < units * height; line += gridDim.y) {
    const int i = line % height, u = line / height;
    const int pixel_row = rows[u] * g.stride_h - g.pad_top + i, pixel_column = columns[u] * g.stride_w - g.pad_left + j;
    const bool in_image = pixel_row >= 0 && pixel_row < g.h && pixel_column >= 0 && pixel_column < g.w;
    const int top = max(first_window(i, g.kh, g.stride_h, 0), -rows[u]);
    const int bottom = min(last_window(i, g.stride_h, 0, region_h), g.oh - rows[u]);
    const int left = max(first_window(j, g.kw, g.stride_w, 0), -columns[u]);
    const int right = min(last_window(j, g.stride_w, 0, region_w), g.ow - columns[u]);
    Pack<T, VEC> sum = {};
    for (int a = top; in_image && a < bottom; ++a)
      for (int b = left; b < right; ++b) {
        const size_t window = ((size_t)images[u] * g.oh + rows[u] + a) * g.ow + columns[u] + b;
        const Pack<int, VEC> chosen = load<VEC>(switches + window * g.c + map);
        const Pack<T, VEC> value = load<VEC>(values + (((size_t)u * region_h + a) * region_w + b) * g.c + map);
#pragma unroll
        for (int v = 0; v < VEC; ++v)
          if (chosen.v[v] == pixel_row * g.w + pixel_column) sum.v[v] += value.v[v];
      }
    store(x + ((size_t)line * width + j) * g.c + map, sum);
  }
}
