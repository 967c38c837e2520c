// Section 3: the gradient of a convolution's filters on tensor cores; filter_gradient's arguments and meaning.
#include "ptx.cuh"
#include "geometry.cuh"

constexpr int PAD = 8;  // numbers after each row of a slice; 8 and not 4, for these tiles lie the other way round

// As in filter_gradient M = group_out, N = k_total, K = positions: a block computes BM x BN outputs in slices of BK positions, a
// warp WM x WN of them; slices arrive STAGES - 1 ahead. Shared memory: STAGES * BK * (BM + PAD + BN + PAD) floats.
template <int BM, int BN, int BK, int WM, int WN, int STAGES, int VEC_GY, int VEC_X>
__global__ void __launch_bounds__(BM / WM * (BN / WN) * 32, 2)
    filter_gradient_tf32(const float* __restrict__ x, const float* __restrict__ gy, float* __restrict__ partial,
                         const Geometry g, int per_split) {
  constexpr int THREADS = BM / WM * (BN / WN) * 32, SHARERS = THREADS / BK;  // threads that load the numbers of one position
  constexpr int G_LOADS = (BM / VEC_GY + SHARERS - 1) / SHARERS, X_LOADS = (BN / VEC_X + SHARERS - 1) / SHARERS;
  constexpr int MI = WM / 16, NI = WN / 8;
  static_assert(THREADS % BK == 0 && WM % 16 == 0 && WN % 8 == 0 && BK % 8 == 0, "tile");
  extern __shared__ __align__(16) unsigned char shared[];
  struct Slice {
    float gs[BK][BM + PAD], xs[BK][BN + PAD];
  };
  Slice* slices = reinterpret_cast<Slice*>(shared);

  const int tiles = (g.k_total + BN - 1) / BN, group = blockIdx.y;
  const int o0 = blockIdx.x / tiles * BM, k0 = blockIdx.x % tiles * BN;
  const int first = blockIdx.z * per_split, last = min(first + per_split, g.positions);
  const int row = threadIdx.x / SHARERS, sharer = threadIdx.x % SHARERS;

  int kh[X_LOADS], kw[X_LOADS], offset[X_LOADS];
#pragma unroll
  for (int a = 0; a < X_LOADS; ++a) {
    const int k = k0 + (sharer + a * SHARERS) * VEC_X;
    const Tap tap(k < g.k_total ? k : 0, g);
    kh[a] = k < g.k_total ? tap.kh : 1 << 28;  // outside every image
    kw[a] = tap.kw;
    offset[a] = tap.offset(g);
  }
  Position position(first + row, g);

  auto fetch = [&](int m0) {
    Slice& slice = slices[(m0 - first) / BK % STAGES];
    const bool exists = m0 + row < last;
#pragma unroll
    for (int a = 0; a < G_LOADS; ++a) {
      const int column = (sharer + a * SHARERS) * VEC_GY, o = o0 + column;
      const bool valid = exists && o < g.group_out;
      const float* from = valid ? gy + (m0 + row) * g.o + group * g.group_out + o : gy;
      if (column < BM) copy_async<4 * VEC_GY>(&slice.gs[row][column], from, valid);
    }
    const int top = position.top(g), left = position.left(g);
    const int corner = ((position.n * g.h + top) * g.w + left) * g.c + group * g.maps;
#pragma unroll
    for (int a = 0; a < X_LOADS; ++a) {
      const int column = (sharer + a * SHARERS) * VEC_X;
      const bool seen = exists && inside(top + kh[a], g.h) && inside(left + kw[a], g.w);
      if (column < BN) copy_async<4 * VEC_X>(&slice.xs[row][column], seen ? x + corner + offset[a] : x, seen);
    }
    position.advance(BK, g);
  };

  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, lane_row = lane / 4, t = lane % 4;
  const int wm = warp / (BN / WN) * WM, wn = warp % (BN / WN) * WN;
  float sum[MI][NI][4] = {};
  auto multiply = [&](const Slice& slice) {
#pragma unroll
    for (int m = 0; m < BK; m += 8) {
      unsigned a[MI][4], b[NI][2];
#pragma unroll
      for (int i = 0; i < MI; ++i)
#pragma unroll
        for (int e = 0; e < 4; ++e) a[i][e] = to_tf32(slice.gs[m + t + e / 2 * 4][wm + i * 16 + lane_row + e % 2 * 8]);
#pragma unroll
      for (int j = 0; j < NI; ++j)
#pragma unroll
        for (int e = 0; e < 2; ++e) b[j][e] = to_tf32(slice.xs[m + t + e * 4][wn + j * 8 + lane_row]);
#pragma unroll
      for (int i = 0; i < MI; ++i)
#pragma unroll
        for (int j = 0; j < NI; ++j) multiply_add_tf32(sum[i][j], a[i], b[j]);
    }
  };

  for (int s = 0; s < STAGES - 1; ++s) {
    if (first + s * BK < last) fetch(first + s * BK);
    copy_commit();  // also where nothing was fetched, so that the number of groups is the number of slices
  }
  for (int m0 = first; m0 < last; m0 += BK) {
    copy_wait<STAGES - 2>();
    __syncthreads();  // this slice is there for all, and nobody reads the one that is overwritten next
    if (m0 + (STAGES - 1) * BK < last) fetch(m0 + (STAGES - 1) * BK);
    copy_commit();
    multiply(slices[(m0 - first) / BK % STAGES]);
  }
  copy_wait<0>();

#pragma unroll
  for (int i = 0; i < MI; ++i)
#pragma unroll
    for (int j = 0; j < NI; ++j)
#pragma unroll
      for (int e = 0; e < 4; ++e) {
        const int o = o0 + wm + i * 16 + lane_row + e / 2 * 8, k = k0 + wn + j * 8 + 2 * t + e % 2;
        if (o >= g.group_out || k >= g.k_total) continue;
        partial[((size_t)blockIdx.z * g.o + group * g.group_out + o) * g.k_total + k] = sum[i][j][e];
      }
}
