// Section 2: local response normalisation, across maps (Krizhevsky et al. 2012, section 3.3), and its gradient.
#include "pack.cuh"

// s ^ -beta; the paper's 0.75 by two square roots, several times as fast and as exact.
template <typename T>
__device__ __forceinline__ T power(T s, T beta) {
  if (beta != T(0.75)) return pow(s, -beta);
  const T root = sqrt(s);
  return T(1) / (root * sqrt(root));
}

// The sum of values over maps c - below to c + above, those that exist; values[e] is map c's.
template <typename T>
__device__ __forceinline__ T window_sum(const T* values, int e, int c, int maps, int below, int above) {
  T sum = 0;
  for (int d = -min(below, c); d <= min(above, maps - 1 - c); ++d) sum += values[e + d];
  return sum;
}

// y_c = x_c / (k + a * sum of x_d^2 over the n maps d around c)^beta. A block takes per_block whole pixels with all their maps,
// which lie side by side: every number comes from memory once. VEC: numbers a load takes, a divisor of the maps. Shared memory:
// per_block * maps numbers.
template <typename T, int VEC>
__global__ void local_response_norm(const T* __restrict__ x, T* __restrict__ y, long long pixels, int maps, int per_block,
                                    int n, T k, T a, T beta) {
  extern __shared__ __align__(16) unsigned char shared[];
  T* squares = reinterpret_cast<T*>(shared);
  const long long first = (long long)blockIdx.x * per_block, start = first * maps;
  const int count = (int)min((long long)per_block, pixels - first) * maps;
  for (int e = threadIdx.x * VEC; e < count; e += blockDim.x * VEC) {
    Pack<T, VEC> pack = load<VEC>(x + start + e);
    for (int v = 0; v < VEC; ++v) pack.v[v] *= pack.v[v];
    store(squares + e, pack);
  }
  __syncthreads();
  for (int e = threadIdx.x * VEC; e < count; e += blockDim.x * VEC) {
    Pack<T, VEC> pack = load<VEC>(x + start + e);
    const int c = e % maps;
#pragma unroll
    for (int v = 0; v < VEC; ++v) {
      const T s = k + a * window_sum(squares, e + v, c + v, maps, n / 2, (n - 1) / 2);
      pack.v[v] *= power(s, beta);
    }
    store(y + start + e, pack);
  }
}

// gx_d = gy_d s_d^-beta - 2 a beta x_d * sum over the maps c whose window holds d of gy_c x_c s_c^(-beta - 1).
// Shared memory: 3 * per_block * maps numbers.
template <typename T, int VEC>
__global__ void local_response_norm_gradient(const T* __restrict__ x, const T* __restrict__ gy, T* __restrict__ gx,
                                             long long pixels, int maps, int per_block, int n, T k, T a, T beta) {
  extern __shared__ __align__(16) unsigned char shared[];
  T* squares = reinterpret_cast<T*>(shared);
  T* direct = squares + (size_t)per_block * maps;
  T* through = direct + (size_t)per_block * maps;
  const long long first = (long long)blockIdx.x * per_block, start = first * maps;
  const int count = (int)min((long long)per_block, pixels - first) * maps;
  for (int e = threadIdx.x * VEC; e < count; e += blockDim.x * VEC) {
    Pack<T, VEC> pack = load<VEC>(x + start + e);
    for (int v = 0; v < VEC; ++v) pack.v[v] *= pack.v[v];
    store(squares + e, pack);
  }
  __syncthreads();
  for (int e = threadIdx.x * VEC; e < count; e += blockDim.x * VEC) {
    const Pack<T, VEC> of_x = load<VEC>(x + start + e), of_gy = load<VEC>(gy + start + e);
    const int c = e % maps;
#pragma unroll
    for (int v = 0; v < VEC; ++v) {
      const T s = k + a * window_sum(squares, e + v, c + v, maps, n / 2, (n - 1) / 2);
      direct[e + v] = of_gy.v[v] * power(s, beta);
      through[e + v] = direct[e + v] * of_x.v[v] / s;
    }
  }
  __syncthreads();
  for (int e = threadIdx.x * VEC; e < count; e += blockDim.x * VEC) {
    Pack<T, VEC> pack = load<VEC>(x + start + e);
    const int c = e % maps;
#pragma unroll
    for (int v = 0; v < VEC; ++v) {
      const T sum = window_sum(through, e + v, c + v, maps, (n - 1) / 2, n / 2);  // the transposed window
      pack.v[v] = direct[e + v] - 2 * a * beta * pack.v[v] * sum;
    }
    store(gx + start + e, pack);
  }
}
