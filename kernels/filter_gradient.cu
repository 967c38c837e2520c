// Section 3: the gradient of a convolution's filters, by split sums over the positions of all images.
#include "pack.cuh"
#include "geometry.cuh"

// partial[split, o, k] = sum over the split's positions m of gy[m, o] * A[m, k]: the matrix product gy^T * A, with A as in
// geometry.cuh and never in memory. Here M = group_out, N = k_total and K = positions; there are few filters and many positions
// (1.5 million in layer 1), so that K is split among blocks until all multiprocessors have work (split-K); reduce_splits adds the
// splits up. A block computes BM x BN outputs in slices of BK positions; both tiles are contiguous as they come.
// VEC_GY, VEC_X: numbers a load takes along the maps of gy and of x.
template <typename T, int BM, int BN, int BK, int TM, int TN, int VEC_GY, int VEC_X>
__global__ void __launch_bounds__(BM / TM * (BN / TN), 8 / sizeof(T))
    filter_gradient(const T* __restrict__ x, const T* __restrict__ gy, T* __restrict__ partial, const Geometry g,
                    int per_split) {
  constexpr int THREADS = BM / TM * (BN / TN), SHARERS = THREADS / BK;  // threads that load the numbers of one position
  constexpr int G_LOADS = (BM / VEC_GY + SHARERS - 1) / SHARERS, X_LOADS = (BN / VEC_X + SHARERS - 1) / SHARERS;
  constexpr int OUT = 16 / sizeof(T), QM = TM / OUT, QN = TN / OUT;  // 16-byte packs of a thread's outputs
  static_assert(THREADS % BK == 0 && TM % OUT == 0 && TN % OUT == 0, "tile");
  __shared__ __align__(16) T gs[2][BK][BM];
  __shared__ __align__(16) T xs[2][BK][BN];

  const int tiles = (g.k_total + BN - 1) / BN, group = blockIdx.y;
  const int o0 = blockIdx.x / tiles * BM, k0 = blockIdx.x % tiles * BN;
  const int first = blockIdx.z * per_split, last = min(first + per_split, g.positions);
  const int row = threadIdx.x / SHARERS, sharer = threadIdx.x % SHARERS;

  int kh[X_LOADS], kw[X_LOADS], offset[X_LOADS];  // the same taps in every slice: only the position moves
#pragma unroll
  for (int a = 0; a < X_LOADS; ++a) {
    const int k = k0 + (sharer + a * SHARERS) * VEC_X;
    const bool exists = sharer + a * SHARERS < BN / VEC_X && k < g.k_total;
    const Tap tap(exists ? k : 0, g);
    kh[a] = exists ? tap.kh : 1 << 28;  // outside every image
    kw[a] = tap.kw;
    offset[a] = tap.offset(g);
  }
  Position position(first + row, g);
  Pack<T, VEC_GY> of_g[G_LOADS];
  Pack<T, VEC_X> of_x[X_LOADS];

  auto fetch = [&](int m0) {
    const bool exists = m0 + row < last;
    const T* from = gy + (m0 + row) * g.o + group * g.group_out;
#pragma unroll
    for (int a = 0; a < G_LOADS; ++a) {
      const int o = o0 + (sharer + a * SHARERS) * VEC_GY;
      const bool valid = exists && sharer + a * SHARERS < BM / VEC_GY && o < g.group_out;
      of_g[a] = valid ? load<VEC_GY>(from + o) : Pack<T, VEC_GY>{};
    }
    const int top = position.top(g), left = position.left(g);
    const int corner = ((position.n * g.h + top) * g.w + left) * g.c + group * g.maps;
#pragma unroll
    for (int a = 0; a < X_LOADS; ++a) {
      const bool seen = exists && inside(top + kh[a], g.h) && inside(left + kw[a], g.w);
      of_x[a] = seen ? load<VEC_X>(x + corner + offset[a]) : Pack<T, VEC_X>{};
    }
    position.advance(BK, g);
  };
  auto stage = [&](int buffer) {
#pragma unroll
    for (int a = 0; a < G_LOADS; ++a)
      if (sharer + a * SHARERS < BM / VEC_GY) store(&gs[buffer][row][(sharer + a * SHARERS) * VEC_GY], of_g[a]);
#pragma unroll
    for (int a = 0; a < X_LOADS; ++a)
      if (sharer + a * SHARERS < BN / VEC_X) store(&xs[buffer][row][(sharer + a * SHARERS) * VEC_X], of_x[a]);
  };

  const int tm = threadIdx.x / (BN / TN) * OUT, tn = threadIdx.x % (BN / TN) * OUT;
  T sum[TM][TN] = {};
  auto multiply = [&](int buffer) {
#pragma unroll
    for (int m = 0; m < BK; ++m) {
      Pack<T, OUT> a[QM], b[QN];
#pragma unroll
      for (int q = 0; q < QM; ++q) a[q] = load<OUT>(&gs[buffer][m][q * (BM / QM) + tm]);
#pragma unroll
      for (int q = 0; q < QN; ++q) b[q] = load<OUT>(&xs[buffer][m][q * (BN / QN) + tn]);
#pragma unroll
      for (int i = 0; i < TM; ++i)
#pragma unroll
        for (int j = 0; j < TN; ++j) sum[i][j] += a[i / OUT].v[i % OUT] * b[j / OUT].v[j % OUT];
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

  const bool whole = g.k_total % OUT == 0;
#pragma unroll
  for (int i = 0; i < TM; ++i) {
    const int o = o0 + i / OUT * (BM / QM) + tm + i % OUT;
    if (o >= g.group_out) continue;
    T* out = partial + ((size_t)blockIdx.z * g.o + group * g.group_out + o) * g.k_total;
#pragma unroll
    for (int q = 0; q < QN; ++q) {
      const int k = k0 + q * (BN / QN) + tn;
      Pack<T, OUT> pack;
#pragma unroll
      for (int v = 0; v < OUT; ++v) pack.v[v] = sum[i][q * OUT + v];
      if (whole && k < g.k_total) store(out + k, pack);
      for (int v = 0; !whole && v < OUT && k + v < g.k_total; ++v) out[k + v] = pack.v[v];
    }
  }
}
