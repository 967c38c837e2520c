// Section 3: sums over many numbers in two stages, so that the order of adding, and with it every bit, is always the same.

// partial[chunk, column] = the sum of `each` rows of x (rows, columns); a block is 32 columns wide and blockDim.y rows deep.
// A bias gradient is such a sum of gy; with columns = 1 it is the sum of a vector.
template <typename T>
__global__ void sum_rows(const T* __restrict__ x, T* __restrict__ partial, int rows, int columns, int each) {
  __shared__ T sums[32][33];
  const int column = blockIdx.x * 32 + threadIdx.x, first = blockIdx.y * each, last = min(first + each, rows);
  T sum = 0;
  if (column < columns)
    for (int row = first + threadIdx.y; row < last; row += blockDim.y) sum += x[(size_t)row * columns + column];
  sums[threadIdx.y][threadIdx.x] = sum;
  __syncthreads();
  if (threadIdx.y || column >= columns) return;
  for (int y = 1; y < blockDim.y; ++y) sum += sums[y][threadIdx.x];
  partial[(size_t)blockIdx.y * columns + column] = sum;
}

// out[i] = partial[0, i] + partial[1, i] + ... : the second stage, also of the filter gradient's split sums.
template <typename T>
__global__ void reduce_splits(const T* __restrict__ partial, T* __restrict__ out, long long count, int parts) {
  for (long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x; i < count; i += (long long)gridDim.x * blockDim.x) {
    T sum = partial[i];
    for (int part = 1; part < parts; ++part) sum += partial[part * count + i];
    out[i] = sum;
  }
}
