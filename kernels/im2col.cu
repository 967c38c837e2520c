// Section 3: convolution by way of a matrix of columns, the reference path; and its exact adjoint.
#include "geometry.cuh"

// columns[place, (kh, kw, c)] = what the window sees of one group's maps; zeros outside the image.
template <typename T>
__global__ void im2col(const T* __restrict__ x, T* __restrict__ columns, const Geometry g, int group) {
  const long long count = (long long)g.places * g.depth;
  for (long long e = blockIdx.x * (long long)blockDim.x + threadIdx.x; e < count; e += (long long)gridDim.x * blockDim.x) {
    const Place place((int)(e / g.depth), g);
    const Tap tap((int)(e % g.depth), g);
    const int i = place.i * g.stride - g.pad_h + tap.kh, j = place.j * g.stride - g.pad_w + tap.kw;
    const bool seen = inside(i, g.h) && inside(j, g.w);
    columns[e] = seen ? x[(((size_t)place.n * g.h + i) * g.w + j) * g.c + group * g.maps + tap.c] : T(0);
  }
}

// Every pixel gathers what im2col took from it, in the order of the window's elements: no atomics.
template <typename T>
__global__ void col2im(const T* __restrict__ columns, T* __restrict__ x, const Geometry g, int group) {
  const long long count = (long long)g.n * g.h * g.w * g.maps;
  for (long long e = blockIdx.x * (long long)blockDim.x + threadIdx.x; e < count; e += (long long)gridDim.x * blockDim.x) {
    const int c = (int)(e % g.maps), pixel = (int)(e / g.maps);
    const int j = pixel % g.w, i = pixel / g.w % g.h, n = pixel / g.w / g.h;
    T sum = 0;
    for (int kh = 0; kh < g.kh; ++kh) {
      const int a = i + g.pad_h - kh;
      if (a < 0 || a % g.stride || a / g.stride >= g.oh) continue;
      for (int kw = 0; kw < g.kw; ++kw) {
        const int b = j + g.pad_w - kw;
        if (b < 0 || b % g.stride || b / g.stride >= g.ow) continue;
        const size_t place = ((size_t)n * g.oh + a / g.stride) * g.ow + b / g.stride;
        sum += columns[place * g.depth + (kh * g.kw + kw) * g.maps + c];
      }
    }
    x[(((size_t)n * g.h + i) * g.w + j) * g.c + group * g.maps + c] = sum;
  }
}
