// Section 2: the C-way softmax, its gradient, and its cross-entropy; one block for each row of scores.
#include "reduce.cuh"

// Every thread gets the largest score of a row, and the sum of exp(score - largest).
template <typename T>
struct Exponentials {
  T largest, total;

  __device__ Exponentials(const T* row, int classes) {
    largest = row[0];
    for (int c = threadIdx.x; c < classes; c += blockDim.x) largest = larger(largest, row[c]);
    largest = block_maximum(largest);
    total = 0;
    for (int c = threadIdx.x; c < classes; c += blockDim.x) total += exp(row[c] - largest);
    total = block_sum(total);
  }
};

// y = exp(x) / the sum of exp(x) over the row.
template <typename T>
__global__ void softmax(const T* __restrict__ x, T* __restrict__ y, int classes) {
  const T* row = x + (size_t)blockIdx.x * classes;
  const Exponentials<T> e(row, classes);
  for (int c = threadIdx.x; c < classes; c += blockDim.x) y[(size_t)blockIdx.x * classes + c] = exp(row[c] - e.largest) / e.total;
}

// gx = y * (gy - the sum of gy * y over the row), for y = softmax(x).
template <typename T>
__global__ void softmax_gradient(const T* __restrict__ y, const T* __restrict__ gy, T* __restrict__ gx, int classes) {
  const size_t start = (size_t)blockIdx.x * classes;
  T sum = 0;
  for (int c = threadIdx.x; c < classes; c += blockDim.x) sum += gy[start + c] * y[start + c];
  sum = block_sum(sum);
  for (int c = threadIdx.x; c < classes; c += blockDim.x) gx[start + c] = y[start + c] * (gy[start + c] - sum);
}

// losses[n] = -log softmax(scores[n])[labels[n]]; gscores is the gradient of their mean over `images`.
template <typename T>
__global__ void cross_entropy(const T* __restrict__ scores, const int* __restrict__ labels, T* __restrict__ losses,
                              T* __restrict__ gscores, int images, int classes) {
  const T* row = scores + (size_t)blockIdx.x * classes;
  T* grow = gscores + (size_t)blockIdx.x * classes;
  const int label = labels[blockIdx.x];
  const Exponentials<T> e(row, classes);
  const T share = T(1) / (e.total * images);
  for (int c = threadIdx.x; c < classes; c += blockDim.x)
    grow[c] = exp(row[c] - e.largest) * share - (c == label ? T(1) / images : T(0));
  if (threadIdx.x == 0) losses[blockIdx.x] = log(e.total) - (row[label] - e.largest);
}
