// Section 2: the C-way softmax and its cross-entropy, one block for each image.
#include "reduce.cuh"

// losses[n] = -log softmax(scores[n])[labels[n]]; gscores is the gradient of their mean over `images`.
template <typename T>
__global__ void softmax_cross_entropy(const T* __restrict__ scores, const int* __restrict__ labels, T* __restrict__ losses,
                                      T* __restrict__ gscores, int images, int classes) {
  const T* row = scores + (size_t)blockIdx.x * classes;
  T* grow = gscores + (size_t)blockIdx.x * classes;
  const int label = labels[blockIdx.x];
  T top = row[0];
  for (int c = threadIdx.x; c < classes; c += blockDim.x) top = larger(top, row[c]);
  top = block_maximum(top);
  T total = 0;
  for (int c = threadIdx.x; c < classes; c += blockDim.x) total += exp(row[c] - top);
  total = block_sum(total);
  const T share = T(1) / (total * images);
  for (int c = threadIdx.x; c < classes; c += blockDim.x)
    grow[c] = exp(row[c] - top) * share - (c == label ? T(1) / images : T(0));
  if (threadIdx.x == 0) losses[blockIdx.x] = log(total) - (row[label] - top);
}
