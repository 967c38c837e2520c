// Section 3, figure 3: convolution on tensor cores, inputs rounded to TF32, sums in fp32; convolve's arguments and meaning.
#include "ptx.cuh"
#include "geometry.cuh"

// As in convolve a block computes BM places x BN maps in slices of BK, and a warp WM x WN of them, by 16 x 8 x 8 products.
// Slices arrive by asynchronous copies, STAGES - 1 ahead of the one being multiplied. The 4 numbers of padding put the 32
// numbers that a warp reads at once into 32 different banks. V: numbers copied at once along the maps of x, 4 or 1.
template <int BM, int BN, int BK, int WM, int WN, int STAGES, int V>
__global__ void __launch_bounds__(BM / WM * (BN / WN) * 32, 2)
    convolve_tf32(const float* __restrict__ x, const float* __restrict__ weight, const float* __restrict__ maybe_bias,
                  float* __restrict__ y, const Geometry g, int relu) {
  constexpr int THREADS = BM / WM * (BN / WN) * 32, ALONG = BK / V, LINES = THREADS / ALONG;
  constexpr int XS = (BM + LINES - 1) / LINES, WS = (BN + LINES - 1) / LINES;
  constexpr int MI = WM / 16, NI = WN / 8;
  static_assert(THREADS % ALONG == 0 && WM % 16 == 0 && WN % 8 == 0 && BK % 8 == 0, "tile");
  extern __shared__ __align__(16) unsigned char shared[];
  typedef float Slice[BM + BN][BK + 4];  // the places' rows, then the filters'
  Slice* slices = reinterpret_cast<Slice*>(shared);

  const int tiles = (g.outs + BN - 1) / BN, group = blockIdx.y;
  const int m0 = blockIdx.x / tiles * BM, n0 = blockIdx.x % tiles * BN;
  const int line = threadIdx.x / ALONG, k = threadIdx.x % ALONG * V;
  auto in_tile = [](int row, int rows) { return rows % LINES == 0 || row < rows; };  // mostly known when compiled

  int corner[XS], top[XS], left[XS];
#pragma unroll
  for (int a = 0; a < XS; ++a) {
    const int m = m0 + line + a * LINES;
    const bool exists = in_tile(line + a * LINES, BM) && m < g.places;
    const Place place(exists ? m : 0, g);
    top[a] = place.i * g.stride - g.pad_h;
    left[a] = place.j * g.stride - g.pad_w;
    corner[a] = ((place.n * g.h + top[a]) * g.w + left[a]) * g.c + group * g.maps;
    if (!exists) top[a] = -(1 << 30);  // so that no tap is inside
  }
  const int filter = (group * g.outs + n0 + line) * g.depth + k;
  Tap tap(k, g);

  auto fetch = [&](int k0) {
    const int offset = (tap.kh * g.w + tap.kw) * g.c + tap.c;
    Slice& slice = slices[k0 / BK % STAGES];
#pragma unroll
    for (int a = 0; a < XS; ++a) {
      const bool seen = k0 + k < g.depth && inside(top[a] + tap.kh, g.h) && inside(left[a] + tap.kw, g.w);
      const float* from = seen ? x + corner[a] + offset : x;
      if (in_tile(line + a * LINES, BM)) copy_async<4 * V>(&slice[line + a * LINES][k], from, seen);
    }
#pragma unroll
    for (int b = 0; b < WS; ++b) {
      const int o = n0 + line + b * LINES;
      const bool exists = o < g.outs && k0 + k < g.depth;
      const float* from = exists ? weight + filter + b * LINES * g.depth + k0 : weight;
      if (in_tile(line + b * LINES, BN)) copy_async<4 * V>(&slice[BM + line + b * LINES][k], from, exists);
    }
    tap.advance(BK, g);
  };

  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, row = lane / 4, t = lane % 4;
  const int wm = warp / (BN / WN) * WM, wn = warp % (BN / WN) * WN;
  float sum[MI][NI][4] = {};
  auto multiply = [&](const Slice& slice) {
#pragma unroll
    for (int kk = 0; kk < BK; kk += 8) {
      unsigned a[MI][4], b[NI][2];
#pragma unroll
      for (int i = 0; i < MI; ++i)
#pragma unroll
        for (int e = 0; e < 4; ++e) a[i][e] = to_tf32(slice[wm + i * 16 + row + e % 2 * 8][kk + t + e / 2 * 4]);
#pragma unroll
      for (int j = 0; j < NI; ++j)
#pragma unroll
        for (int e = 0; e < 2; ++e) b[j][e] = to_tf32(slice[BM + wn + j * 8 + row][kk + t + e * 4]);
#pragma unroll
      for (int i = 0; i < MI; ++i)
#pragma unroll
        for (int j = 0; j < NI; ++j) multiply_add_tf32(sum[i][j], a[i], b[j]);
    }
  };

  for (int s = 0; s < STAGES - 1; ++s) {
    if (s * BK < g.depth) fetch(s * BK);
    copy_commit();  // also where nothing was fetched, so that the count of groups is the count of slices
  }
  for (int k0 = 0; k0 < g.depth; k0 += BK) {
    copy_wait<STAGES - 2>();
    __syncthreads();  // this slice is there for all, and all have done with the one that is overwritten next
    if (k0 + (STAGES - 1) * BK < g.depth) fetch(k0 + (STAGES - 1) * BK);
    copy_commit();
    multiply(slices[k0 / BK % STAGES]);
  }
  copy_wait<0>();

#pragma unroll
  for (int i = 0; i < MI; ++i)
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int m = m0 + wm + i * 16 + half * 8 + row;
      if (m >= g.places) continue;
      const Place p(m, g);
      float* out = y + (((size_t)p.n * g.yh + p.i * g.step + g.row) * g.yw + p.j * g.step + g.column) * g.o + group * g.outs;
#pragma unroll
      for (int j = 0; j < NI; ++j)
#pragma unroll
        for (int e = 0; e < 2; ++e) {
          const int o = n0 + wn + j * 8 + 2 * t + e;
          if (o >= g.outs) continue;
          const float value = sum[i][j][half * 2 + e] + (maybe_bias ? maybe_bias[group * g.outs + o] : 0.f);
          out[o] = relu && value < 0.f ? 0.f : value;
        }
    }
}
