// Section 3: the gradient of a convolution's filters, by split sums over the places of all images.
#include "pack.cuh"
#include "geometry.cuh"

// partial[split, o, k] = sum over the split's places m of gy[m, o] * X[m, k], X being the columns that are never stored.
// There are few filters and many places (1.5 million in layer 1), so the places are split among blocks until all
// multiprocessors have work; reduce_splits adds the splits up. A block computes BM maps x BN taps in slices of BK places; both
// tiles are contiguous as they come. VG, VX: numbers loaded at once along the maps of gy and of x.
template <typename T, int BM, int BN, int BK, int TM, int TN, int VG, int VX>
__global__ void __launch_bounds__(BM / TM * (BN / TN), 8 / sizeof(T))
    filter_gradient(const T* __restrict__ x, const T* __restrict__ gy, T* __restrict__ partial, const Geometry g, int each) {
  constexpr int THREADS = BM / TM * (BN / TN), LANES = THREADS / BK;  // so many threads share a place
  constexpr int GS = (BM / VG + LANES - 1) / LANES, XS = (BN / VX + LANES - 1) / LANES;
  constexpr int S = 16 / sizeof(T), QM = TM / S, QN = TN / S;
  static_assert(THREADS % BK == 0 && TM % S == 0 && TN % S == 0, "tile");
  __shared__ __align__(16) T gs[2][BK][BM];
  __shared__ __align__(16) T xs[2][BK][BN];

  const int tiles = (g.depth + BN - 1) / BN, group = blockIdx.y;
  const int o0 = blockIdx.x / tiles * BM, k0 = blockIdx.x % tiles * BN;
  const int first = blockIdx.z * each, last = min(first + each, g.places);
  const int line = threadIdx.x / LANES, lane = threadIdx.x % LANES;

  int kh[XS], kw[XS], offset[XS];  // the same taps in every slice: only the place moves
#pragma unroll
  for (int a = 0; a < XS; ++a) {
    const int k = k0 + (lane + a * LANES) * VX;
    const bool exists = lane + a * LANES < BN / VX && k < g.depth;
    const Tap tap(exists ? k : 0, g);
    kh[a] = exists ? tap.kh : 1 << 28;  // outside every image
    kw[a] = tap.kw;
    offset[a] = (tap.kh * g.w + tap.kw) * g.c + tap.c;
  }
  Place place(first + line, g);
  Pack<T, VG> of_g[GS];
  Pack<T, VX> of_x[XS];

  auto fetch = [&](int m0) {
    const bool exists = m0 + line < last;
    const T* from = gy + (m0 + line) * g.o + group * g.outs;
#pragma unroll
    for (int a = 0; a < GS; ++a) {
      const int o = o0 + (lane + a * LANES) * VG;
      of_g[a] = exists && lane + a * LANES < BM / VG && o < g.outs ? load<VG>(from + o) : Pack<T, VG>{};
    }
    const int top = place.i * g.stride - g.pad_h, left = place.j * g.stride - g.pad_w;
    const int corner = ((place.n * g.h + top) * g.w + left) * g.c + group * g.maps;
#pragma unroll
    for (int a = 0; a < XS; ++a) {
      const bool seen = exists && inside(top + kh[a], g.h) && inside(left + kw[a], g.w);
      of_x[a] = seen ? load<VX>(x + corner + offset[a]) : Pack<T, VX>{};
    }
    place.advance(BK, g);
  };
  auto stage = [&](int buffer) {
#pragma unroll
    for (int a = 0; a < GS; ++a)
      if (lane + a * LANES < BM / VG) store(&gs[buffer][line][(lane + a * LANES) * VG], of_g[a]);
#pragma unroll
    for (int a = 0; a < XS; ++a)
      if (lane + a * LANES < BN / VX) store(&xs[buffer][line][(lane + a * LANES) * VX], of_x[a]);
  };

  const int ty = threadIdx.x / (BN / TN) * S, tx = threadIdx.x % (BN / TN) * S;
  T sum[TM][TN] = {};
  auto multiply = [&](int buffer) {
#pragma unroll
    for (int m = 0; m < BK; ++m) {
      Pack<T, S> a[QM], b[QN];
#pragma unroll
      for (int q = 0; q < QM; ++q) a[q] = load<S>(&gs[buffer][m][q * (BM / QM) + ty]);
#pragma unroll
      for (int q = 0; q < QN; ++q) b[q] = load<S>(&xs[buffer][m][q * (BN / QN) + tx]);
#pragma unroll
      for (int i = 0; i < TM; ++i)
#pragma unroll
        for (int j = 0; j < TN; ++j) sum[i][j] += a[i / S].v[i % S] * b[j / S].v[j % S];
    }
  };

  fetch(first);
  stage(0);
  __syncthreads();
  for (int m0 = first, buffer = 0; m0 < last; m0 += BK, buffer ^= 1) {
    const bool more = m0 + BK < last;
    if (more) fetch(m0 + BK);
    multiply(buffer);
    if (more) stage(buffer ^ 1);
    __syncthreads();
  }

  const bool whole = g.depth % S == 0;
#pragma unroll
  for (int i = 0; i < TM; ++i) {
    const int o = o0 + i / S * (BM / QM) + ty + i % S;
    if (o >= g.outs) continue;
    T* out = partial + ((size_t)blockIdx.z * g.o + group * g.outs + o) * g.depth;
#pragma unroll
    for (int q = 0; q < QN; ++q) {
      const int k = k0 + q * (BN / QN) + tx;
      Pack<T, S> pack;
#pragma unroll
      for (int s = 0; s < S; ++s) pack.v[s] = sum[i][q * S + s];
      if (whole && k < g.depth) store(out + k, pack);
      for (int s = 0; !whole && s < S && k + s < g.depth; ++s) out[k + s] = pack.v[s];
    }
  }
}
