// How a window moves over images (figure 3), and the convolution as a matrix product.

// x is (n, h, w, c): n images of c maps. The window, kh x kw pixels, takes oh * ow positions in each image, stride_h rows and
// stride_w columns apart, the first of them pad_top rows above the image and pad_left columns to its left. y has o maps; each
// group of `group_out` of them sees `maps` of the c maps; weight is (o, kh, kw, maps).
//
// For each group this is a matrix product, C (M, N) = A (M, K) * B (K, N), as BLAS calls it:
//   M = positions = n * oh * ow,   N = group_out,   K = k_total = kh * kw * maps;
//   A[m, k] = the number that element k of the window sees at position m,   B[k, o] = weight[o, k].
//
// The result for position (i, j) is written to y[n, i * step_h + row, j * step_w + column], y being (n, yh, yw, o).
struct Geometry {
  int n, h, w, c;
  int oh, ow, o;
  int kh, kw, stride_h, stride_w, pad_top, pad_left;
  int positions, maps, group_out, k_total;
  int yh, yw, step_h, step_w, row, column;
};

// A position of the window, from its index in raster order over all images, moved along without divisions.
struct Position {
  int n, i, j;

  __device__ Position(int m, const Geometry& g) : n(m / (g.oh * g.ow)), i(m / g.ow % g.oh), j(m % g.ow) {}

  __device__ void advance(int by, const Geometry& g) {
    for (j += by; j >= g.ow; j -= g.ow)
      if (++i == g.oh) {
        i = 0;
        ++n;
      }
  }

  // The row and column of x where the window begins; negative in the padding.
  __device__ int top(const Geometry& g) const { return i * g.stride_h - g.pad_top; }
  __device__ int left(const Geometry& g) const { return j * g.stride_w - g.pad_left; }

  // Where y holds the first map of this position.
  __device__ size_t output(const Geometry& g) const {
    return (((size_t)n * g.yh + i * g.step_h + g.row) * g.yw + j * g.step_w + g.column) * g.o;
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

  // How far from the window's first number this one lies in x.
  __device__ int offset(const Geometry& g) const { return (kh * g.w + kw) * g.c + c; }
};

// Is row or column i one of `size`? One comparison for both ends.
__device__ __forceinline__ bool inside(int i, int size) { return (unsigned)i < (unsigned)size; }
