// Faults that the CPU runner must find: none of these kernels is right.
#include "ptx.cuh"

template <bool BARRIER>
__global__ void reverse(const float* __restrict__ x, float* __restrict__ y) {
  __shared__ float held[64];
  held[threadIdx.x] = x[threadIdx.x];
  if (BARRIER) __syncthreads();
  y[threadIdx.x] = held[63 - threadIdx.x];
}

template <bool WAIT>
__global__ void copied(const float* __restrict__ x, float* __restrict__ y) {
  __shared__ __align__(16) float held[32];
  if (threadIdx.x < 8) copy_async<16>(&held[threadIdx.x * 4], x + threadIdx.x * 4, true);
  copy_commit();
  if (WAIT) copy_wait<0>();
  __syncthreads();
  y[threadIdx.x] = held[threadIdx.x];
  copy_wait<0>();
}

// Copies the next slice into the buffer that the others may still be reading.
template <bool BARRIER>
__global__ void overwritten(const float* __restrict__ x, float* __restrict__ y) {
  __shared__ float held[32];
  float sum = 0;
  for (int slice = 0; slice < 2; ++slice) {
    copy_async<4>(&held[threadIdx.x], x + slice * 32 + threadIdx.x, true);
    copy_commit();
    copy_wait<0>();
    __syncthreads();
    sum += held[31 - threadIdx.x];
    if (BARRIER) __syncthreads();
  }
  y[threadIdx.x] = sum;
}

__global__ void never_waits(const float* __restrict__ x) {
  __shared__ float held[1];
  copy_async<4>(held, x, true);
  copy_commit();
}

__global__ void past_the_end(float* x, int count) { x[threadIdx.x + count] = 1; }
__global__ void before_the_start(const float* x, float* y) { y[threadIdx.x] = x[(int)threadIdx.x - 8]; }
__global__ void writes_const(const float* x) { const_cast<float*>(x)[threadIdx.x] = 1; }
__global__ void unaligned(const float* x, float* y) {
  __shared__ float held[8];
  copy_async<16>(held, x + 1, true);
  copy_commit();
  copy_wait<0>();
  y[threadIdx.x] = held[threadIdx.x];
}
__global__ void divides(int* x, int by) { x[threadIdx.x] /= by; }
__global__ void outside_shared(float* x, int i) {
  __shared__ float held[32];
  held[threadIdx.x] = 1;
  x[threadIdx.x] = held[threadIdx.x + i];
}
__global__ void past_dynamic(float* x, int i) {
  extern __shared__ float held[];
  x[threadIdx.x] = held[threadIdx.x + i];
}
__global__ void unwritten(float* x) {
  __shared__ float held[32];
  if (threadIdx.x != 7) held[threadIdx.x] = 1;
  __syncthreads();
  x[threadIdx.x] = held[threadIdx.x];
}
__global__ void divergent(float* x) {
  if (threadIdx.x < 16)
    __syncthreads();
  else {
    x[0] = 1;
    __syncthreads();
  }
}
__global__ void half_a_warp(float* x) {
  if (threadIdx.x < 16) x[threadIdx.x] = __shfl_xor_sync(0xffffffffu, x[threadIdx.x], 1);
}
__global__ void outside_mask(float* x) {
  if (threadIdx.x < 16) x[threadIdx.x] = __shfl_xor_sync(0x0000ffffu, x[threadIdx.x], 16);
}
__global__ void deadlock(float* x) {
  if (threadIdx.x < 32)
    __syncwarp();
  else if (threadIdx.x < 40)
    __syncwarp(0xffffffffu);
  else
    __syncthreads();
}
