// Section 2.1: "flipping each filter vertically and horizontally", which makes the deconvnet's filtering a convolution.

// With strides (stride_h, stride_w) the pixels of x fall into stride_h * stride_w classes, by row modulo stride_h and column
// modulo stride_w; every stride-th element of the window alone reaches a class, from (first_h, first_w) on. For one class, whose
// filters have taps_h x taps_w elements,
//   flipped[map c, (i, j), o] = weight[o, first_h + stride_h * (taps_h - 1 - i), first_w + stride_w * (taps_w - 1 - j), c]
// in each of the groups, which have `maps` maps of x and group_out of the maps of y.
template <typename T>
__global__ void flip_filters(const T* __restrict__ weight, T* __restrict__ flipped, int groups, int group_out, int kh, int kw,
                             int maps, int first_h, int first_w, int stride_h, int stride_w, int taps_h, int taps_w) {
  const long long count = (long long)groups * maps * taps_h * taps_w * group_out;
  for (long long e = blockIdx.x * (long long)blockDim.x + threadIdx.x; e < count; e += (long long)gridDim.x * blockDim.x) {
    const int o = (int)(e % group_out), j = (int)(e / group_out % taps_w), i = (int)(e / group_out / taps_w % taps_h);
    const int all = (int)(e / group_out / taps_w / taps_h), c = all % maps, group = all / maps;
    const int from_h = first_h + stride_h * (taps_h - 1 - i), from_w = first_w + stride_w * (taps_w - 1 - j);
    flipped[e] = weight[(((size_t)(group * group_out + o) * kh + from_h) * kw + from_w) * maps + c];
  }
}
