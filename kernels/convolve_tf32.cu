// Section 3, figure 3: convolution on tensor cores, inputs rounded to TF32, sums in fp32; convolve's arguments and meaning.
#include "ptx.cuh"
#include "geometry.cuh"

constexpr int PAD = 4;  // numbers after each row of a slice: they put the 32 numbers that a warp reads at once into 32 banks

// The matrix product of geometry.cuh, M = positions, N = group_out, K = k_total. A block computes BM x BN outputs in slices of BK
// along K, a warp WM x WN of them by 16 x 8 x 8 products. Slices arrive by asynchronous copies, STAGES - 1 ahead of the one that
// is multiplied; shared memory: STAGES * (BM + BN) * (BK + PAD) floats. VEC: numbers a copy takes, 4 or 1, a divisor of `maps`.
template <int BM, int BN, int BK, int WM, int WN, int STAGES, int VEC>
__global__ void __launch_bounds__(BM / WM * (BN / WN) * 32, 2)
    convolve_tf32(const float* __restrict__ x, const float* __restrict__ weight, const float* __restrict__ maybe_bias,
                  float* __restrict__ y, const Geometry g, int relu) {
  constexpr int THREADS = BM / WM * (BN / WN) * 32, K_THREADS = BK / VEC, ROWS = THREADS / K_THREADS;
  constexpr int X_LOADS = (BM + ROWS - 1) / ROWS, W_LOADS = (BN + ROWS - 1) / ROWS;
  constexpr int MI = WM / 16, NI = WN / 8;
  static_assert(THREADS % K_THREADS == 0 && WM % 16 == 0 && WN % 8 == 0 && BK % 8 == 0, "tile");
  extern __shared__ __align__(16) unsigned char shared[];
  typedef float Slice[BM + BN][BK + PAD];  // the rows of A, one for each position, then the columns of B, one for each filter
  Slice* slices = reinterpret_cast<Slice*>(shared);

  const int tiles = (g.group_out + BN - 1) / BN, group = blockIdx.y;
  const int m0 = blockIdx.x / tiles * BM, n0 = blockIdx.x % tiles * BN;
  const int row = threadIdx.x / K_THREADS, k = threadIdx.x % K_THREADS * VEC;
  auto in_tile = [](int row, int rows) { return rows % ROWS == 0 || row < rows; };  // mostly known when compiled

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

  auto fetch = [&](int k0) {
    const int offset = tap.offset(g);
    Slice& slice = slices[k0 / BK % STAGES];
#pragma unroll
    for (int a = 0; a < X_LOADS; ++a) {
      const bool seen = k0 + k < g.k_total && inside(top[a] + tap.kh, g.h) && inside(left[a] + tap.kw, g.w);
      const float* from = seen ? x + corner[a] + offset : x;
      if (in_tile(row + a * ROWS, BM)) copy_async<4 * VEC>(&slice[row + a * ROWS][k], from, seen);
    }
#pragma unroll
    for (int b = 0; b < W_LOADS; ++b) {
      const bool exists = n0 + row + b * ROWS < g.group_out && k0 + k < g.k_total;
      const float* from = exists ? weight + filter + b * ROWS * g.k_total + k0 : weight;
      if (in_tile(row + b * ROWS, BN)) copy_async<4 * VEC>(&slice[BM + row + b * ROWS][k], from, exists);
    }
    tap.advance(BK, g);
  };

  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, lane_row = lane / 4, t = lane % 4;
  const int wm = warp / (BN / WN) * WM, wn = warp % (BN / WN) * WN;
  float sum[MI][NI][4] = {};
  auto multiply = [&](const Slice& slice) {
#pragma unroll
    for (int kk = 0; kk < BK; kk += 8) {
      unsigned a[MI][4], b[NI][2];
#pragma unroll
      for (int i = 0; i < MI; ++i)
#pragma unroll
        for (int e = 0; e < 4; ++e) a[i][e] = to_tf32(slice[wm + i * 16 + lane_row + e % 2 * 8][kk + t + e / 2 * 4]);
#pragma unroll
      for (int j = 0; j < NI; ++j)
#pragma unroll
        for (int e = 0; e < 2; ++e) b[j][e] = to_tf32(slice[BM + wn + j * 8 + lane_row][kk + t + e * 4]);
#pragma unroll
      for (int i = 0; i < MI; ++i)
#pragma unroll
        for (int j = 0; j < NI; ++j) multiply_add_tf32(sum[i][j], a[i], b[j]);
    }
  };

  for (int s = 0; s < STAGES - 1; ++s) {
    if (s * BK < g.k_total) fetch(s * BK);
    copy_commit();  // also where nothing was fetched, so that the number of groups is the number of slices
  }
  for (int k0 = 0; k0 < g.k_total; k0 += BK) {
    copy_wait<STAGES - 2>();
    __syncthreads();  // this slice is there for all, and nobody reads the one that is overwritten next
    if (k0 + (STAGES - 1) * BK < g.k_total) fetch(k0 + (STAGES - 1) * BK);
    copy_commit();
    multiply(slices[k0 / BK % STAGES]);
  }
  copy_wait<0>();

#pragma unroll
  for (int i = 0; i < MI; ++i)
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int m = m0 + wm + i * 16 + half * 8 + lane_row;
      if (m >= g.positions) continue;
      float* out = y + Position(m, g).output(g) + group * g.group_out;
#pragma unroll
      for (int j = 0; j < NI; ++j)
#pragma unroll
        for (int e = 0; e < 2; ++e) {
          const int o = n0 + wn + j * 8 + 2 * t + e;
          if (o >= g.group_out) continue;
          const float value = sum[i][j][half * 2 + e] + (maybe_bias ? maybe_bias[group * g.group_out + o] : 0.f);
          out[o] = relu && value < 0.f ? 0.f : value;
        }
    }
}
