// Section 3, figure 3: convolution; and with flipped filters the deconvnet's filtering (section 2.1), the data gradient.
#include "pack.cuh"
#include "geometry.cuh"

// An implicit matrix product, Y[place, map] = sum over k of X[place, k] * F[map, k]: the columns X are never stored, each
// block gathers its own. A block computes BM places x BN maps in slices of BK; a thread TM x TN of them, in registers. While it
// computes on one pair of shared tiles, the next slice is on its way to registers and then to the other pair.
// V: numbers loaded at once along the maps of x (a divisor of them); tiles lie transposed, so that a column is contiguous.
template <typename T, int BM, int BN, int BK, int TM, int TN, int V>
__global__ void __launch_bounds__(BM / TM * (BN / TN), 8 / sizeof(T))
    convolve(const T* __restrict__ x, const T* __restrict__ weight, const T* __restrict__ maybe_bias, T* __restrict__ y,
             const Geometry g, int relu) {
  constexpr int THREADS = BM / TM * (BN / TN), ALONG = BK / V, LINES = THREADS / ALONG;
  constexpr int XS = (BM + LINES - 1) / LINES, WS = (BN + LINES - 1) / LINES;  // packs that a thread loads for a slice
  constexpr int S = 16 / sizeof(T), QM = TM / S, QN = TN / S;                  // 16-byte packs of a thread's outputs
  static_assert(THREADS % ALONG == 0 && TM % S == 0 && TN % S == 0, "tile");
  __shared__ __align__(16) T xs[2][BK][BM + S];
  __shared__ __align__(16) T ws[2][BK][BN + S];

  const int tiles = (g.outs + BN - 1) / BN, group = blockIdx.y;
  const int m0 = blockIdx.x / tiles * BM, n0 = blockIdx.x % tiles * BN;  // neighbouring blocks share their places
  const int line = threadIdx.x / ALONG, k = threadIdx.x % ALONG * V;

  // Every thread gathers the same few places, and the same few filters, in all slices: only the tap moves.
  int corner[XS], top[XS], left[XS];
#pragma unroll
  for (int a = 0; a < XS; ++a) {
    const int m = m0 + line + a * LINES;
    const bool exists = line + a * LINES < BM && m < g.places;
    const Place place(exists ? m : 0, g);
    top[a] = place.i * g.stride - g.pad_h;
    left[a] = place.j * g.stride - g.pad_w;
    corner[a] = ((place.n * g.h + top[a]) * g.w + left[a]) * g.c + group * g.maps;
    if (!exists) top[a] = -(1 << 30);  // so that no tap is inside
  }
  const int filter = (group * g.outs + n0 + line) * g.depth + k;
  Tap tap(k, g);
  Pack<T, V> of_x[XS], of_w[WS];

  auto fetch = [&](int k0) {
    const int offset = (tap.kh * g.w + tap.kw) * g.c + tap.c;
#pragma unroll
    for (int a = 0; a < XS; ++a) {
      const bool seen = k0 + k < g.depth && inside(top[a] + tap.kh, g.h) && inside(left[a] + tap.kw, g.w);
      of_x[a] = seen ? load<V>(x + corner[a] + offset) : Pack<T, V>{};
    }
#pragma unroll
    for (int b = 0; b < WS; ++b) {
      const int o = n0 + line + b * LINES;
      const bool exists = line + b * LINES < BN && o < g.outs && k0 + k < g.depth;
      of_w[b] = exists ? load<V>(weight + filter + b * LINES * g.depth + k0) : Pack<T, V>{};
    }
    tap.advance(BK, g);
  };
  auto stage = [&](int buffer) {
#pragma unroll
    for (int v = 0; v < V; ++v) {
#pragma unroll
      for (int a = 0; a < XS; ++a)
        if (line + a * LINES < BM) xs[buffer][k + v][line + a * LINES] = of_x[a].v[v];
#pragma unroll
      for (int b = 0; b < WS; ++b)
        if (line + b * LINES < BN) ws[buffer][k + v][line + b * LINES] = of_w[b].v[v];
    }
  };

  // A thread's outputs: QM x QN squares of S x S, BM / QM and BN / QN apart, so that a warp reads whole lines of a tile.
  const int ty = threadIdx.x / (BN / TN) * S, tx = threadIdx.x % (BN / TN) * S;
  T sum[TM][TN] = {};
  auto multiply = [&](int buffer) {
#pragma unroll
    for (int kk = 0; kk < BK; ++kk) {
      Pack<T, S> a[QM], b[QN];
#pragma unroll
      for (int q = 0; q < QM; ++q) a[q] = load<S>(&xs[buffer][kk][q * (BM / QM) + ty]);
#pragma unroll
      for (int q = 0; q < QN; ++q) b[q] = load<S>(&ws[buffer][kk][q * (BN / QN) + tx]);
#pragma unroll
      for (int i = 0; i < TM; ++i)
#pragma unroll
        for (int j = 0; j < TN; ++j) sum[i][j] += a[i / S].v[i % S] * b[j / S].v[j % S];
    }
  };

  fetch(0);
  stage(0);
  __syncthreads();
  for (int k0 = 0, buffer = 0; k0 < g.depth; k0 += BK, buffer ^= 1) {
    const bool more = k0 + BK < g.depth;
    if (more) fetch(k0 + BK);
    multiply(buffer);
    if (more) stage(buffer ^ 1);
    __syncthreads();
  }

  const bool whole = g.outs % S == 0;  // then every pack of outputs is aligned
#pragma unroll
  for (int i = 0; i < TM; ++i) {
    const int m = m0 + i / S * (BM / QM) + ty + i % S;
    if (m >= g.places) continue;
    const Place p(m, g);
    T* out = y + (((size_t)p.n * g.yh + p.i * g.step + g.row) * g.yw + p.j * g.step + g.column) * g.o + group * g.outs;
#pragma unroll
    for (int q = 0; q < QN; ++q) {
      const int o = n0 + q * (BN / QN) + tx;
      Pack<T, S> pack;
#pragma unroll
      for (int s = 0; s < S; ++s) {
        pack.v[s] = sum[i][q * S + s];
        if (maybe_bias && o + s < g.outs) pack.v[s] += maybe_bias[group * g.outs + o + s];
        if (relu && pack.v[s] < T(0)) pack.v[s] = 0;  // NaN stays NaN
      }
      if (whole && o < g.outs) store(out + o, pack);
      for (int s = 0; !whole && s < S && o + s < g.outs; ++s) out[o + s] = pack.v[s];
    }
  }
}
