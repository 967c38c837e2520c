// Section 2.1: the deconvnet's last filtering, down to the image's 3 maps; a convolution with few maps out.
#include "pack.cuh"
#include "geometry.cuh"

// convolve's arguments and meaning where group_out = GROUP_OUT <= 4, so that its tiles would be almost empty: a thread computes
// all maps of one position. The filters lie in shared memory, GROUP_OUT * k_total numbers, where a warp reads the same one at
// once. VEC: numbers a load takes, a divisor of `maps`.
template <typename T, int GROUP_OUT, int VEC>
__global__ void convolve_narrow(const T* __restrict__ x, const T* __restrict__ weight, const T* __restrict__ maybe_bias,
                                T* __restrict__ y, const Geometry g, int relu) {
  extern __shared__ __align__(16) unsigned char shared[];
  T* filters = reinterpret_cast<T*>(shared);
  const int group = blockIdx.y, count = GROUP_OUT * g.k_total;
  for (int e = threadIdx.x; e < count; e += blockDim.x) filters[e] = weight[(size_t)group * count + e];
  __syncthreads();
  const int m = blockIdx.x * blockDim.x + threadIdx.x;
  if (m >= g.positions) return;
  const Position position(m, g);
  T sum[GROUP_OUT] = {};
  for (int kh = 0; kh < g.kh; ++kh) {
    const int i = position.top(g) + kh;
    if (!inside(i, g.h)) continue;
    for (int kw = 0; kw < g.kw; ++kw) {
      const int j = position.left(g) + kw;
      if (!inside(j, g.w)) continue;
      const T* pixel = x + (((size_t)position.n * g.h + i) * g.w + j) * g.c + group * g.maps;
      const T* filter = filters + (kh * g.kw + kw) * g.maps;
      for (int c = 0; c < g.maps; c += VEC) {
        const Pack<T, VEC> a = load<VEC>(pixel + c);
#pragma unroll
        for (int o = 0; o < GROUP_OUT; ++o) {
          const Pack<T, VEC> b = load<VEC>(filter + o * g.k_total + c);
#pragma unroll
          for (int v = 0; v < VEC; ++v) sum[o] += a.v[v] * b.v[v];
        }
      }
    }
  }
  T* out = y + position.output(g) + group * GROUP_OUT;
#pragma unroll
  for (int o = 0; o < GROUP_OUT; ++o) {
    if (maybe_bias) sum[o] += maybe_bias[group * GROUP_OUT + o];
    out[o] = relu && sum[o] < T(0) ? T(0) : sum[o];
  }
}
