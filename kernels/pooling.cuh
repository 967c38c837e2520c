// How a pooling window moves over images (figure 3), and which windows hold a pixel.

// x is (n, h, w, c), y (n, oh, ow, c): the window, kh x kw pixels, takes oh * ow positions, stride_h rows and stride_w columns
// apart, the first of them pad_top rows above the image and pad_left columns to its left.
struct Pooling {
  int n, h, w, c;
  int oh, ow;
  int kh, kw, stride_h, stride_w, pad_top, pad_bottom, pad_left, pad_right;
};

// Along one side, the windows that hold pixel i are first_window to last_window - 1.
__device__ __forceinline__ int first_window(int i, int window, int stride, int pad) {
  return max(i + pad - window + stride, 0) / stride;
}
__device__ __forceinline__ int last_window(int i, int stride, int pad, int count) { return min((i + pad) / stride + 1, count); }
