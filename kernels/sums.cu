// Section 3: sums over many numbers in two stages, so that the order of adding, and with it every bit, is always the same.

constexpr int WIDTH = 32;  // columns of a block of sum_rows
constexpr int HEIGHT = 8;  // and its rows

// partial[split, column] = the sum of per_split rows of x (rows, columns). A bias gradient is such a sum of gy; with columns = 1
// it is the sum of a vector.
template <typename T>
__global__ void sum_rows(const T* __restrict__ x, T* __restrict__ partial, int rows, int columns, int per_split) {
  __shared__ T sums[HEIGHT][WIDTH + 1];
  const int column = blockIdx.x * WIDTH + threadIdx.x;
  const int first = blockIdx.y * per_split, last = min(first + per_split, rows);
  T sum = 0;
  if (column < columns)
    for (int row = first + threadIdx.y; row < last; row += HEIGHT) sum += x[(size_t)row * columns + column];
  sums[threadIdx.y][threadIdx.x] = sum;
  __syncthreads();
  if (threadIdx.y || column >= columns) return;
  for (int y = 1; y < HEIGHT; ++y) sum += sums[y][threadIdx.x];
  partial[(size_t)blockIdx.y * columns + column] = sum;
}

// out[i] = partial[0, i] + partial[1, i] + ... : the second stage, also of the filter gradient's split sums.
template <typename T>
__global__ void reduce_splits(const T* __restrict__ partial, T* __restrict__ out, long long count, int splits) {
  for (long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x; i < count; i += (long long)gridDim.x * blockDim.x) {
    T sum = partial[i];
    for (int split = 1; split < splits; ++split) sum += partial[split * count + i];
    out[i] = sum;
  }
}
