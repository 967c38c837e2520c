// Section 2: rectification, up and (section 2.1) down, and its gradient.

// max(x, 0); NaN stays NaN. x and y may be the same array.
template <typename T>
__global__ void rectify(const T* x, T* y, long long count) {
  for (long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x; i < count; i += (long long)gridDim.x * blockDim.x)
    y[i] = x[i] < T(0) ? T(0) : x[i];
}

// gx = gy where y = rectify(x) is positive, else 0. gx may be gy.
template <typename T>
__global__ void rectify_gradient(const T* y, const T* gy, T* gx, long long count) {
  for (long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x; i < count; i += (long long)gridDim.x * blockDim.x)
    gx[i] = y[i] > T(0) ? gy[i] : T(0);
}
