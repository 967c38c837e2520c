// Section 3: stochastic gradient descent with momentum, in one pass over the parameters, and the filter clip.
#include "reduce.cuh"

// velocity = momentum * velocity + gradient + decay * parameter; parameter -= rate * velocity
template <typename T>
__global__ void sgd_step(T* __restrict__ parameter, const T* __restrict__ gradient, T* __restrict__ velocity,
                         long long count, T rate, T momentum, T decay) {
  for (long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x; i < count; i += (long long)gridDim.x * blockDim.x) {
    const T moved = momentum * velocity[i] + gradient[i] + decay * parameter[i];
    velocity[i] = moved;
    parameter[i] -= rate * moved;
  }
}

// A filter, weight[o] of `size` numbers, whose RMS exceeds limit is scaled back to it; one block for each filter.
template <typename T>
__global__ void clip_filters(T* __restrict__ weight, int size, T limit) {
  T* filter = weight + (size_t)blockIdx.x * size;
  double squares = 0;  // 1e20 squared is no float
  for (int i = threadIdx.x; i < size; i += blockDim.x) squares += (double)filter[i] * filter[i];
  const double rms = sqrt(block_sum(squares) / size);
  if (!(rms > limit)) return;  // the same for the whole block
  for (int i = threadIdx.x; i < size; i += blockDim.x) filter[i] *= T(limit / rms);
}
