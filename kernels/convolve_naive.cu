// Section 3, figure 3: convolution as its formula reads, one thread for each output; what the faster kernels are checked against.
#include "geometry.cuh"

// y[n, i, j, o] = bias[o] + sum over kh, kw, c of weight[o, kh, kw, c] * x[n, i * stride_h - pad_top + kh, ..., c]: one row of A
// times one column of B. Neighbouring threads compute neighbouring maps of one position, so that all of them read the same x.
template <typename T>
__global__ void convolve_naive(const T* __restrict__ x, const T* __restrict__ weight, const T* __restrict__ maybe_bias,
                               T* __restrict__ y, const Geometry g, int relu) {
  const long long index = blockIdx.x * (long long)blockDim.x + threadIdx.x;
  if (index >= (long long)g.positions * g.o) return;
  const Position position((int)(index / g.o), g);
  const int o = (int)(index % g.o), group = o / g.group_out;
  T sum = maybe_bias ? maybe_bias[o] : T(0);
  for (int kh = 0; kh < g.kh; ++kh) {
    const int i = position.top(g) + kh;
    if (!inside(i, g.h)) continue;
    for (int kw = 0; kw < g.kw; ++kw) {
      const int j = position.left(g) + kw;
      if (!inside(j, g.w)) continue;
      const T* pixel = x + (((size_t)position.n * g.h + i) * g.w + j) * g.c + group * g.maps;
      const T* filter = weight + (size_t)o * g.k_total + (kh * g.kw + kw) * g.maps;
      for (int c = 0; c < g.maps; ++c) sum += pixel[c] * filter[c];
    }
  }
  y[position.output(g) + o] = relu && sum < T(0) ? T(0) : sum;
}
