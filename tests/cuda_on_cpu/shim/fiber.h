// A fiber: a stack of its own, and where on it to go on. Switching is a dozen instructions on x86-64, ucontext elsewhere.
#pragma once
#include <stdlib.h>
#include <sys/mman.h>
#ifndef __x86_64__
#include <ucontext.h>
#endif
#ifdef CPU_THREAD_SANITIZER  // it must be told that each fiber is a thread
#include <sanitizer/tsan_interface.h>
#endif

constexpr size_t STACK = 128 * 1024;

struct Fiber {
#ifdef __x86_64__
  void* stack_pointer = nullptr;
#else
  ucontext_t context;
#endif
  char* stack = nullptr;
  void* sanitizer = nullptr;
};

#ifdef __x86_64__
// Saves the registers that a function must keep, swaps stacks, and returns on the other one.
extern "C" __attribute__((visibility("hidden"))) void fiber_switch(void** save, void* to);
extern "C" __attribute__((visibility("hidden"))) void fiber_entry();
extern "C" __attribute__((visibility("hidden"), used)) void fiber_main();
asm(R"(
  .text
  .hidden fiber_switch
  .globl fiber_switch
  .type fiber_switch,@function
fiber_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp,(%rdi)
  movq %rsi,%rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
  .size fiber_switch,.-fiber_switch
  .hidden fiber_entry
  .globl fiber_entry
  .type fiber_entry,@function
fiber_entry:
  xorl %ebp,%ebp
  call fiber_main
  ud2
  .size fiber_entry,.-fiber_entry
)");
#else
extern "C" void fiber_main();
#endif

inline void switch_fiber(Fiber& from, Fiber& to) {
#ifdef CPU_THREAD_SANITIZER
  __tsan_switch_to_fiber(to.sanitizer, __tsan_switch_to_fiber_no_sync);
#endif
#ifdef __x86_64__
  fiber_switch(&from.stack_pointer, to.stack_pointer);
#else
  swapcontext(&from.context, &to.context);
#endif
}

// Makes the fiber start in fiber_main at the next switch to it.
inline void restart(Fiber& fiber) {
  if (!fiber.stack) {  // with an unreadable page below it, so that an overflow is seen
    char* pages = (char*)mmap(nullptr, STACK + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (pages == MAP_FAILED) abort();
    mprotect(pages, 4096, PROT_NONE);
    fiber.stack = pages + 4096;
  }
#ifdef CPU_THREAD_SANITIZER
  if (!fiber.sanitizer) fiber.sanitizer = __tsan_create_fiber(0);
#endif
#ifdef __x86_64__
  void** top = (void**)(fiber.stack + STACK) - 2;  // the call in fiber_entry wants a multiple of 16
  *--top = (void*)&fiber_entry;
  for (int saved = 0; saved < 6; ++saved) *--top = nullptr;
  fiber.stack_pointer = top;
#else
  getcontext(&fiber.context);
  fiber.context.uc_stack.ss_sp = fiber.stack;
  fiber.context.uc_stack.ss_size = STACK;
  fiber.context.uc_link = nullptr;
  makecontext(&fiber.context, fiber_main, 0);
#endif
}
