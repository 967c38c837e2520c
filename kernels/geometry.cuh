// How a window moves over images (figure 3): sizes, and where a flat index lies.

// x is (n, h, w, c); the window takes oh * ow places in each image, `places` in all. Each of the o maps out sees the `maps`
// maps of its group, `depth` = kh * kw * maps numbers at each place; a group has `outs` maps out.
// The result for place (i, j) is written to y[n, i * step + row, j * step + column], y being (n, yh, yw, o).
struct Geometry {
  int n, h, w, c;
  int oh, ow, o;
  int kh, kw, stride, pad_h, pad_w;
  int places, maps, outs, depth;
  int yh, yw, step, row, column;
};

// A place of the window, from its index in raster order over all images, moved along without divisions.
struct Place {
  int n, i, j;

  __device__ Place(int m, const Geometry& g) : n(m / (g.oh * g.ow)), i(m / g.ow % g.oh), j(m % g.ow) {}

  __device__ void advance(int by, const Geometry& g) {
    for (j += by; j >= g.ow; j -= g.ow)
      if (++i == g.oh) {
        i = 0;
        ++n;
      }
  }
};

// An element of the window, from its index k = (kh * KW + kw) * maps + c; kh runs past the window where k does.
struct Tap {
  int kh, kw, c;

  __device__ Tap(int k, const Geometry& g) : kh(k / (g.maps * g.kw)), kw(k / g.maps % g.kw), c(k % g.maps) {}

  __device__ void advance(int by, const Geometry& g) {
    for (c += by; c >= g.maps; c -= g.maps)
      if (++kw == g.kw) {
        kw = 0;
        ++kh;
      }
  }
};

// Is row or column i one of `size`? One comparison for both ends.
__device__ __forceinline__ bool inside(int i, int size) { return (unsigned)i < (unsigned)size; }
