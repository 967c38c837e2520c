// Section 2: local contrast normalisation (Jarrett et al. 2009, section 3.1), subtractive then divisive, and its gradient.
//   m = mean(x)   v = x - m   deviation = sqrt(mean(v^2))   level = the image's mean deviation
//   y = v / max(deviation, level, floor)
// where mean is over all maps (one number a pixel: `plane`) and then over a Gaussian window (`blur`).
#include "reduce.cuh"

// plane[pixel] = the mean over the maps of x * b, of x alone where there is no b; one warp for each pixel.
template <typename T>
__global__ void map_mean(const T* __restrict__ x, const T* __restrict__ maybe_b, T* __restrict__ plane, int pixels,
                         int maps) {
  const int pixel = (blockIdx.x * blockDim.x + threadIdx.x) / 32, lane = threadIdx.x % 32;
  if (pixel >= pixels) return;  // the same for the whole warp
  const size_t start = (size_t)pixel * maps;
  T sum = 0;
  for (int c = lane; c < maps; c += 32) sum += maybe_b ? x[start + c] * maybe_b[start + c] : x[start + c];
  for (int distance = 16; distance; distance /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, distance);
  if (lane == 0) plane[pixel] = sum / maps;
}

// v = x - m[pixel], in every map.
template <typename T>
__global__ void subtract_plane(const T* x, const T* __restrict__ m, T* v, long long count, int maps) {
  for (long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x; i < count; i += (long long)gridDim.x * blockDim.x)
    v[i] = x[i] - m[i / maps];
}

// The weights of the window that lie inside the image, along one side.
template <typename T>
__device__ __forceinline__ T weight_inside(const T* weights, int window, int i, int size) {
  T sum = 0;
  for (int d = 0; d < window; ++d)
    if (i + d - window / 2 >= 0 && i + d - window / 2 < size) sum += weights[d];
  return sum;
}

// TRANSPOSE false: out = the weighted mean of the window's pixels that exist; true: its adjoint. ROOT: of that, the root.
template <typename T, bool TRANSPOSE, bool ROOT>
__global__ void blur(const T* __restrict__ plane, const T* __restrict__ weights, T* __restrict__ out, int n, int h, int w,
                     int window) {
  const int p = blockIdx.x * blockDim.x + threadIdx.x;
  if (p >= n * h * w) return;
  const int i = p / w % h, j = p % w, half = window / 2;
  const T* image = plane + (size_t)(p / (h * w)) * h * w;
  T sum = 0;
  for (int a = max(i - half, 0); a <= min(i + half, h - 1); ++a) {
    T line = 0;
    for (int b = max(j - half, 0); b <= min(j + half, w - 1); ++b) {
      const T there = TRANSPOSE ? image[a * w + b] / weight_inside(weights, window, b, w) : image[a * w + b];
      line += weights[b - j + half] * there;
    }
    sum += weights[a - i + half] * (TRANSPOSE ? line / weight_inside(weights, window, a, h) : line);
  }
  if (!TRANSPOSE) sum /= weight_inside(weights, window, i, h) * weight_inside(weights, window, j, w);
  out[p] = ROOT ? sqrt(sum) : sum;
}

// level[image] = the mean of its deviations; one block for each image.
template <typename T>
__global__ void image_mean(const T* __restrict__ plane, T* __restrict__ level, int pixels) {
  T sum = 0;
  for (int p = threadIdx.x; p < pixels; p += blockDim.x) sum += plane[(size_t)blockIdx.x * pixels + p];
  sum = block_sum(sum);
  if (threadIdx.x == 0) level[blockIdx.x] = sum / pixels;
}

// y = v / max(deviation, level, floor)
template <typename T>
__global__ void divide(const T* v, const T* __restrict__ deviation, const T* __restrict__ level, T* y, long long count,
                       int maps, int pixels, T floor) {
  for (long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x; i < count; i += (long long)gridDim.x * blockDim.x) {
    const long long pixel = i / maps;
    y[i] = v[i] / max(deviation[pixel], max(level[pixel / pixels], floor));
  }
}

// From gyv[pixel] = the mean over the maps of gy * v to the gradient of the variance, mean(v^2), one block for each image. A
// pixel divided by its own deviation passes its gradient there; the others pass theirs to the level, hence to every pixel.
template <typename T>
__global__ void variance_gradient(const T* __restrict__ gyv, const T* __restrict__ deviation, const T* __restrict__ level,
                                  T* __restrict__ gvariance, int pixels, int maps, T floor) {
  const size_t start = (size_t)blockIdx.x * pixels;
  const T lowest = max(level[blockIdx.x], floor);
  T to_level = 0;
  for (int p = threadIdx.x; p < pixels; p += blockDim.x)
    if (!(deviation[start + p] > lowest)) to_level -= gyv[start + p] * maps / (lowest * lowest);
  to_level = block_sum(to_level);
  const T shared_by_all = level[blockIdx.x] > floor ? to_level / pixels : T(0);
  for (int p = threadIdx.x; p < pixels; p += blockDim.x) {
    const T d = deviation[start + p], own = d > lowest ? -gyv[start + p] * maps / (d * d) : T(0);
    gvariance[start + p] = d > T(0) ? (own + shared_by_all) / (2 * d) : T(0);
  }
}

// gv = gy / divisor + v * 2 / maps * spread[pixel], spread being the adjoint blur of the variance's gradient.
template <typename T>
__global__ void center_gradient(const T* __restrict__ gy, const T* __restrict__ v, const T* __restrict__ deviation,
                                 const T* __restrict__ level, const T* __restrict__ spread, T* __restrict__ gv,
                                 long long count, int maps, int pixels, T floor) {
  for (long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x; i < count; i += (long long)gridDim.x * blockDim.x) {
    const long long pixel = i / maps;
    const T divisor = max(deviation[pixel], max(level[pixel / pixels], floor));
    gv[i] = gy[i] / divisor + 2 * v[i] * spread[pixel] / maps;
  }
}
