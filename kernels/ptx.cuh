// Tensor cores and asynchronous copies, for the convolutions of section 3: the only file with PTX in it.
// The tests' CPU runner supplies a file of the same name with the same functions in plain C++.

// The nearest TF32 number (8 bits of exponent, 10 of mantissa), as the tensor core takes it.
__device__ __forceinline__ unsigned to_tf32(float value) {
  unsigned bits;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(value));
  return bits;
}

// d (16, 8) += a (16, 8) * b (8, 8), spread over a warp. With group = lane / 4 and t = lane % 4 a lane holds
//   a: (group, t) (group + 8, t) (group, t + 4) (group + 8, t + 4);  b: (t, group) (t + 4, group);
//   d: (group, 2t) (group, 2t + 1) (group + 8, 2t) (group + 8, 2t + 1).
__device__ __forceinline__ void multiply_add_tf32(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {
  asm volatile(
      "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

// Starts to copy BYTES (4 or 16) to shared memory; with valid false it reads nothing and writes zeros.
template <int BYTES>
__device__ __forceinline__ void copy_async(void* shared, const void* global, bool valid) {
  unsigned to = (unsigned)__cvta_generic_to_shared(shared);
  int read = valid ? BYTES : 0;
  if constexpr (BYTES == 16)  // past the L1 cache: nobody else on this multiprocessor wants it
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(global), "r"(read) : "memory");
  else
    asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" ::"r"(to), "l"(global), "r"(read) : "memory");
}

// Ends a group of this thread's copies (an empty one counts too).
__device__ __forceinline__ void copy_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }

// Waits until at most N of this thread's groups are under way.
template <int N>
__device__ __forceinline__ void copy_wait() {
  asm volatile("cp.async.wait_group %0;" ::"n"(N) : "memory");
}
