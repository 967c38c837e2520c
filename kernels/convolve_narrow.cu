// Section 2.1: the deconvnet's last filtering, down to the image's 3 maps; a convolution with few maps out.
#include "pack.cuh"
#include "geometry.cuh"

// convolve's arguments and meaning, for O / groups = MAPS <= 4, where its tiles would be almost empty: a thread computes
// all maps of one place; the filters lie in shared memory (MAPS * KH * KW * C / groups numbers), where a warp reads the same
// one at once. V: numbers loaded at once along the maps of x.
template <typename T, int MAPS, int V>
__global__ void convolve_narrow(const T* __restrict__ x, const T* __restrict__ weight, const T* __restrict__ maybe_bias,
                                T* __restrict__ y, const Geometry g, int relu) {
  extern __shared__ __align__(16) unsigned char shared[];
  T* filters = reinterpret_cast<T*>(shared);
  const int group = blockIdx.y;
  for (int e = threadIdx.x; e < MAPS * g.depth; e += blockDim.x) filters[e] = weight[(size_t)group * MAPS * g.depth + e];
  __syncthreads();
  const int m = blockIdx.x * blockDim.x + threadIdx.x;
  if (m >= g.places) return;
  const Place p(m, g);
  T sum[MAPS] = {};
  for (int kh = 0; kh < g.kh; ++kh) {
    const int i = p.i * g.stride - g.pad_h + kh;
    if (!inside(i, g.h)) continue;
    for (int kw = 0; kw < g.kw; ++kw) {
      const int j = p.j * g.stride - g.pad_w + kw;
      if (!inside(j, g.w)) continue;
      const T* seen = x + (((size_t)p.n * g.h + i) * g.w + j) * g.c + group * g.maps;
      const T* filter = filters + (kh * g.kw + kw) * g.maps;
      for (int c = 0; c < g.maps; c += V) {
        const Pack<T, V> a = load<V>(seen + c);
#pragma unroll
        for (int o = 0; o < MAPS; ++o) {
          const Pack<T, V> b = load<V>(filter + o * g.depth + c);
#pragma unroll
          for (int v = 0; v < V; ++v) sum[o] += a.v[v] * b.v[v];
        }
      }
    }
  }
  T* out = y + (((size_t)p.n * g.yh + p.i * g.step + g.row) * g.yw + p.j * g.step + g.column) * g.o + group * MAPS;
#pragma unroll
  for (int o = 0; o < MAPS; ++o) {
    if (maybe_bias) sum[o] += maybe_bias[group * MAPS + o];
    out[o] = relu && sum[o] < T(0) ? T(0) : sum[o];
  }
}
