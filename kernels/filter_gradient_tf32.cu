// Section 3: the gradient of a convolution's filters on tensor cores; filter_gradient's arguments and meaning.
#include "ptx.cuh"
#include "geometry.cuh"

// A block computes BM maps x BN taps in slices of BK places, a warp WM x WN of them; slices arrive STAGES - 1 ahead. Here 8
// numbers of padding make a warp's reads free of bank conflicts, for the tiles lie the other way round.
template <int BM, int BN, int BK, int WM, int WN, int STAGES, int VG, int VX>
__global__ void __launch_bounds__(BM / WM * (BN / WN) * 32, 2)
    filter_gradient_tf32(const float* __restrict__ x, const float* __restrict__ gy, float* __restrict__ partial,
                         const Geometry g, int each) {
  constexpr int THREADS = BM / WM * (BN / WN) * 32, LANES = THREADS / BK;
  constexpr int GS = (BM / VG + LANES - 1) / LANES, XS = (BN / VX + LANES - 1) / LANES;
  constexpr int MI = WM / 16, NI = WN / 8;
  static_assert(THREADS % BK == 0 && WM % 16 == 0 && WN % 8 == 0 && BK % 8 == 0, "tile");
  extern __shared__ __align__(16) unsigned char shared[];
  struct Slice {
    float gs[BK][BM + 8], xs[BK][BN + 8];
  };
  Slice* slices = reinterpret_cast<Slice*>(shared);

  const int tiles = (g.depth + BN - 1) / BN, group = blockIdx.y;
  const int o0 = blockIdx.x / tiles * BM, k0 = blockIdx.x % tiles * BN;
  const int first = blockIdx.z * each, last = min(first + each, g.places);
  const int line = threadIdx.x / LANES, lane = threadIdx.x % LANES;

  int kh[XS], kw[XS], offset[XS];
#pragma unroll
  for (int a = 0; a < XS; ++a) {
    const int k = k0 + (lane + a * LANES) * VX;
    const Tap tap(k < g.depth ? k : 0, g);
    kh[a] = k < g.depth ? tap.kh : 1 << 28;  // outside every image
    kw[a] = tap.kw;
    offset[a] = (tap.kh * g.w + tap.kw) * g.c + tap.c;
  }
  Place place(first + line, g);

  auto fetch = [&](int m0) {
    Slice& slice = slices[(m0 - first) / BK % STAGES];
    const bool exists = m0 + line < last;
#pragma unroll
    for (int a = 0; a < GS; ++a) {
      const int column = (lane + a * LANES) * VG, o = o0 + column;
      const bool valid = exists && o < g.outs;
      const float* from = valid ? gy + (m0 + line) * g.o + group * g.outs + o : gy;
      if (column < BM) copy_async<4 * VG>(&slice.gs[line][column], from, valid);
    }
    const int top = place.i * g.stride - g.pad_h, left = place.j * g.stride - g.pad_w;
    const int corner = ((place.n * g.h + top) * g.w + left) * g.c + group * g.maps;
#pragma unroll
    for (int a = 0; a < XS; ++a) {
      const int column = (lane + a * LANES) * VX;
      const bool seen = exists && inside(top + kh[a], g.h) && inside(left + kw[a], g.w);
      if (column < BN) copy_async<4 * VX>(&slice.xs[line][column], seen ? x + corner + offset[a] : x, seen);
    }
    place.advance(BK, g);
  };

  const int warp = threadIdx.x / 32, row = threadIdx.x % 32 / 4, t = threadIdx.x % 4;
  const int wm = warp / (BN / WN) * WM, wn = warp % (BN / WN) * WN;
  float sum[MI][NI][4] = {};
  auto multiply = [&](const Slice& slice) {
#pragma unroll
    for (int m = 0; m < BK; m += 8) {
      unsigned a[MI][4], b[NI][2];
#pragma unroll
      for (int i = 0; i < MI; ++i)
#pragma unroll
        for (int e = 0; e < 4; ++e) a[i][e] = to_tf32(slice.gs[m + t + e / 2 * 4][wm + i * 16 + row + e % 2 * 8]);
#pragma unroll
      for (int j = 0; j < NI; ++j)
#pragma unroll
        for (int e = 0; e < 2; ++e) b[j][e] = to_tf32(slice.xs[m + t + e * 4][wn + j * 8 + row]);
#pragma unroll
      for (int i = 0; i < MI; ++i)
#pragma unroll
        for (int j = 0; j < NI; ++j) multiply_add_tf32(sum[i][j], a[i], b[j]);
    }
  };

  for (int s = 0; s < STAGES - 1; ++s) {
    if (first + s * BK < last) fetch(first + s * BK);
    copy_commit();
  }
  for (int m0 = first; m0 < last; m0 += BK) {
    copy_wait<STAGES - 2>();
    __syncthreads();  // this slice is there for all, and all have done with the one that is overwritten next
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
        const int o = o0 + wm + i * 16 + row + e / 2 * 8, k = k0 + wn + j * 8 + 2 * t + e % 2;
        if (o < g.outs && k < g.depth) partial[((size_t)blockIdx.z * g.o + group * g.outs + o) * g.depth + k] = sum[i][j][e];
      }
}
