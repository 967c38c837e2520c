// Section 2.1: "flipping each filter vertically and horizontally", which makes the deconvnet's filtering a convolution.

// With stride s the pixels of x fall into s * s classes, by row and column modulo s; each class is reached by every s-th
// element of the window alone, those from (kh, kw) on. For one class:
// flipped[map c, (i, j), o] = weight[o, kh + s * (rows - 1 - i), kw + s * (columns - 1 - j), c] in each group.
template <typename T>
__global__ void flip_filters(const T* __restrict__ weight, T* __restrict__ flipped, int maps_out, int window_h, int window_w,
                             int maps, int groups, int kh, int kw, int stride, int rows, int columns) {
  const int outs = maps_out / groups;
  const long long count = (long long)groups * maps * rows * columns * outs;
  for (long long e = blockIdx.x * (long long)blockDim.x + threadIdx.x; e < count; e += (long long)gridDim.x * blockDim.x) {
    const int o = (int)(e % outs), j = (int)(e / outs % columns), i = (int)(e / outs / columns % rows);
    const int all = (int)(e / outs / columns / rows), c = all % maps, group = all / maps;
    const int from_h = kh + stride * (rows - 1 - i), from_w = kw + stride * (columns - 1 - j);
    flipped[e] = weight[(((size_t)(group * outs + o) * window_h + from_h) * window_w + from_w) * maps + c];
  }
}
