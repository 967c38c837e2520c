// Sums and maxima over the threads of a block (softmax and normalisation, section 2), in the same order every time.

template <typename T>
__device__ __forceinline__ T larger(T a, T b) {
  return a > b || a != a ? a : b;  // NaN is passed on
}

// Every thread gets the result; every thread of the block must call, and blockDim.x is a multiple of 32.
template <typename T, typename Combine>
__device__ T block_reduce(T value, Combine combine) {
  __shared__ T of_warp[32];
  const int warps = blockDim.x / 32;
  for (int distance = 16; distance; distance /= 2)
    value = combine(value, __shfl_xor_sync(0xffffffffu, value, distance));
  if (threadIdx.x % 32 == 0) of_warp[threadIdx.x / 32] = value;
  __syncthreads();
  value = of_warp[0];
  for (int warp = 1; warp < warps; ++warp) value = combine(value, of_warp[warp]);
  __syncthreads();  // before the next call writes of_warp
  return value;
}

template <typename T>
__device__ T block_sum(T value) {
  return block_reduce(value, [](T a, T b) { return a + b; });
}

template <typename T>
__device__ T block_maximum(T value) {
  return block_reduce(value, [](T a, T b) { return larger(a, b); });
}
