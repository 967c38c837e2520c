// Section 3, figure 3: convolution; and with flipped filters the deconvnet's filtering (section 2.1), the data gradient.
#include "pack.cuh"
#include "geometry.cuh"

// The matrix product of geometry.cuh without its matrix A in memory (implicit GEMM): M = positions, N = group_out, K = k_total.
// A block computes a tile of BM x BN outputs in slices of BK along K, a thread TM x TN of them in registers. While it multiplies
// one pair of shared tiles, the next slice travels to registers and then to the other pair. Tiles lie transposed, with M and N
// contiguous. VEC: numbers a load takes, a divisor of `maps`.
template <typename T, int BM, int BN, int BK, int TM, int TN, int VEC>
__global__ void __launch_bounds__(BM / TM * (BN / TN), 8 / sizeof(T))
    convolve(const T* __restrict__ x, const T* __restrict__ weight, const T* __restrict__ maybe_bias, T* __restrict__ y,
             const Geometry g, int relu) {
  constexpr int THREADS = BM / TM * (BN / TN);
  constexpr int K_THREADS = BK / VEC, ROWS = THREADS / K_THREADS;  // threads along K; rows of a tile loaded at once
  constexpr int X_LOADS = (BM + ROWS - 1) / ROWS, W_LOADS = (BN + ROWS - 1) / ROWS;  // of a thread, for one slice
  constexpr int OUT = 16 / sizeof(T), QM = TM / OUT, QN = TN / OUT;  // 16-byte packs of a thread's outputs
  static_assert(THREADS % K_THREADS == 0 && TM % OUT == 0 && TN % OUT == 0, "tile");
  __shared__ __align__(16) T xs[2][BK][BM + OUT];
  __shared__ __align__(16) T ws[2][BK][BN + OUT];

  const int tiles = (g.group_out + BN - 1) / BN, group = blockIdx.y;
  const int m0 = blockIdx.x / tiles * BM, n0 = blockIdx.x % tiles * BN;  // neighbouring blocks share their positions
  const int row = threadIdx.x / K_THREADS, k = threadIdx.x % K_THREADS * VEC;
  auto in_tile = [](int row, int rows) { return rows % ROWS == 0 || row < rows; };  // mostly known when compiled

  // Every thread gathers the same few positions, and the same few filters, in all slices: only the tap moves.
  int corner[X_LOADS], top[X_LOADS], left[X_LOADS];
#pragma unroll
  for (int a = 0; a < X_LOADS; ++a) {
    const int m = m0 + row + a * ROWS;
    const bool exists = in_tile(row + a * ROWS, BM) && m < g.positions;
    const Position position(exists ? m : 0, g);
    top[a] = position.top(g);
    left[a] = position.left(g);
    corner[a] = ((position.n * g.h + top[a]) * g.w + left[a]) * g.c + group * g.maps;
    if (!exists) top[a] = -(1 << 30);  // so that no tap is inside
  }
  const int filter = (group * g.group_out + n0 + row) * g.k_total + k;
  Tap tap(k, g);
  Pack<T, VEC> of_x[X_LOADS], of_w[W_LOADS];

  auto fetch = [&](int k0) {
    const int offset = tap.offset(g);
#pragma unroll
    for (int a = 0; a < X_LOADS; ++a) {
      const bool seen = k0 + k < g.k_total && inside(top[a] + tap.kh, g.h) && inside(left[a] + tap.kw, g.w);
      of_x[a] = seen ? load<VEC>(x + corner[a] + offset) : Pack<T, VEC>{};
    }
#pragma unroll
    for (int b = 0; b < W_LOADS; ++b) {
      const bool exists = in_tile(row + b * ROWS, BN) && n0 + row + b * ROWS < g.group_out && k0 + k < g.k_total;
      of_w[b] = exists ? load<VEC>(weight + filter + b * ROWS * g.k_total + k0) : Pack<T, VEC>{};
    }
    tap.advance(BK, g);
  };
  auto stage = [&](int buffer) {
#pragma unroll
    for (int v = 0; v < VEC; ++v) {
#pragma unroll
      for (int a = 0; a < X_LOADS; ++a)
        if (in_tile(row + a * ROWS, BM)) xs[buffer][k + v][row + a * ROWS] = of_x[a].v[v];
#pragma unroll
      for (int b = 0; b < W_LOADS; ++b)
        if (in_tile(row + b * ROWS, BN)) ws[buffer][k + v][row + b * ROWS] = of_w[b].v[v];
    }
  };

  // A thread's outputs: QM x QN squares of OUT x OUT, BM / QM and BN / QN apart, so that a warp reads whole lines of a tile.
  const int tm = threadIdx.x / (BN / TN) * OUT, tn = threadIdx.x % (BN / TN) * OUT;
  T sum[TM][TN] = {};
  auto multiply = [&](int buffer) {
#pragma unroll 2  // unrolled whole, the largest tile has too few registers and spills
    for (int kk = 0; kk < BK; ++kk) {
      Pack<T, OUT> a[QM], b[QN];
#pragma unroll
      for (int q = 0; q < QM; ++q) a[q] = load<OUT>(&xs[buffer][kk][q * (BM / QM) + tm]);
#pragma unroll
      for (int q = 0; q < QN; ++q) b[q] = load<OUT>(&ws[buffer][kk][q * (BN / QN) + tn]);
#pragma unroll
      for (int i = 0; i < TM; ++i)
#pragma unroll
        for (int j = 0; j < TN; ++j) sum[i][j] += a[i / OUT].v[i % OUT] * b[j / OUT].v[j % OUT];
    }
  };

  fetch(0);
  stage(0);
  __syncthreads();
  for (int k0 = 0, buffer = 0; k0 < g.k_total; k0 += BK, buffer ^= 1) {
    const bool more = k0 + BK < g.k_total;
    if (more) fetch(k0 + BK);
    multiply(buffer);
    if (more) stage(buffer ^ 1);
    __syncthreads();
  }

  const bool whole = g.group_out % OUT == 0;  // then every pack of outputs is aligned
#pragma unroll
  for (int i = 0; i < TM; ++i) {
    const int m = m0 + i / OUT * (BM / QM) + tm + i % OUT;
    if (m >= g.positions) continue;
    T* out = y + Position(m, g).output(g) + group * g.group_out;
#pragma unroll
    for (int q = 0; q < QN; ++q) {
      const int o = n0 + q * (BN / QN) + tn;
      Pack<T, OUT> pack;
#pragma unroll
      for (int v = 0; v < OUT; ++v) {
        pack.v[v] = sum[i][q * OUT + v];
        if (maybe_bias && o + v < g.group_out) pack.v[v] += maybe_bias[group * g.group_out + o + v];
        if (relu && pack.v[v] < T(0)) pack.v[v] = 0;  // NaN stays NaN
      }
      if (whole && o < g.group_out) store(out + o, pack);
      for (int v = 0; !whole && v < OUT && o + v < g.group_out; ++v) out[o + v] = pack.v[v];
    }
  }
}
