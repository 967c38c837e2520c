// What CUDA C++ has and C++ lacks, as far as kernels/*.cu use it; runtime.cpp runs the threads.
#pragma once
#include <math.h>
#include <stdint.h>
#include <string.h>

#include <type_traits>
#include <typeinfo>
#include <utility>

// Keywords. Shared variables become static ones, which the Python side finds in the object's symbols.
#define __global__
#define __device__
#define __shared__ static
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define __align__(n) __attribute__((aligned(n)))

struct dim3 {
  unsigned x, y, z;
};
extern dim3 threadIdx, blockIdx, blockDim, gridDim;

namespace cpu {
// runtime.cpp
void block_barrier(const char* file, int line);
// Every lane in mask posts its argument; the last one runs `all` over them, then all go on.
using Collective = void (*)(void* of_lane[32], unsigned mask);
void warp_collective(unsigned mask, void* argument, Collective all, const char* file, int line);
void copy_async(void* to, const void* from, int bytes, bool valid);
void copy_commit();
void copy_wait(int pending);
void* dynamic_shared();
[[noreturn]] void fail(const char* format, ...);
unsigned lane();

// A kernel, so that Python can call it: unpacks an array of pointers to arguments.
struct KernelEntry {
  const char* name;
  void (*call)(void** arguments);
  int count;
  const size_t* sizes;
  const char* const* types;
};
template <auto Kernel>
struct Entry;
template <class... A, void (*Kernel)(A...)>
struct Entry<Kernel> {
  template <size_t... I>
  static void unpack(void** a, std::index_sequence<I...>) {
    Kernel(*static_cast<A*>(a[I])...);
  }
  static void call(void** a) { unpack(a, std::index_sequence_for<A...>{}); }
  static inline const size_t sizes[] = {sizeof(A)..., 0};
  static inline const char* const types[] = {typeid(A).name()..., nullptr};
  static KernelEntry entry(const char* name) { return {name, call, (int)sizeof...(A), sizes, types}; }
};

template <class T>
struct Shuffle {
  T value, result;
  unsigned from;
};
template <class T>
void shuffle_all(void* of_lane[32], unsigned mask) {
  for (unsigned l = 0; l < 32; ++l)
    if (mask >> l & 1) {
      auto* mine = static_cast<Shuffle<T>*>(of_lane[l]);
      if (!(mask >> mine->from & 1)) fail("lane %u reads lane %u, which is not in mask %08x", l, mine->from, mask);
      mine->result = static_cast<Shuffle<T>*>(of_lane[mine->from])->value;
    }
}
}  // namespace cpu

// __builtin_FILE and __builtin_LINE as default arguments are those of the caller: errors name the kernel's line.
#define CPU_CALLER const char *file = __builtin_FILE(), int line = __builtin_LINE()

static inline void __syncthreads(CPU_CALLER) { cpu::block_barrier(file, line); }
static inline void __syncwarp(unsigned mask = 0xffffffffu, CPU_CALLER) {
  cpu::warp_collective(mask, nullptr, [](void**, unsigned) {}, file, line);
}
template <class T>
static T __shfl_xor_sync(unsigned mask, T value, int bits, CPU_CALLER) {
  cpu::Shuffle<T> mine{value, value, cpu::lane() ^ (unsigned)bits};
  cpu::warp_collective(mask, &mine, cpu::shuffle_all<T>, file, line);
  return mine.result;
}

template <class A, class B>
static inline std::common_type_t<A, B> max(A a, B b) {
  return a > b ? a : b;
}
template <class A, class B>
static inline std::common_type_t<A, B> min(A a, B b) {
  return a < b ? a : b;
}
static inline unsigned __umulhi(unsigned a, unsigned b) { return (unsigned)((uint64_t)a * b >> 32); }
