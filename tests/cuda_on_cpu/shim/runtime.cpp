// Runs the threads of a block, one fiber each, one block after another. Between barriers threads run in a chosen order, each as
// far as it gets: most missing barriers then give a wrong answer, the same one every time. Linked to every kernel file, and never
// compiled with a sanitizer itself.
#include "cuda_cpu.h"
#include "fiber.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <random>
#include <vector>

dim3 threadIdx, blockIdx, blockDim, gridDim;

namespace cpu {
enum Order { FORWARD, REVERSE, SHUFFLED, FIRST_WARP_AHEAD, LAST_WARP_AHEAD };
struct Options {
  int order;
  unsigned seed;
  int eager;  // asynchronous copies happen at once, not at the wait
};
struct Copy {
  void* to;
  const void* from;
  int bytes;
  bool valid;
};
enum State { READY, AT_BARRIER, AT_COLLECTIVE, DONE };
struct Thread {
  Fiber fiber;
  dim3 index;
  unsigned linear;
  State state;
  unsigned mask;       // of the collective it waits in, its argument, and what the collective does
  void* argument;
  Collective all;
  const char* file;  // where it waits
  int line;
  std::vector<std::vector<Copy>> groups;  // asynchronous copies: those committed, and those not yet
  std::vector<Copy> open;
};
struct Range {
  char* start;
  size_t size;
};

static std::vector<Thread> threads;
static unsigned count, alive, waiting;  // threads of the block; not yet done; at the barrier
static Thread* current;
static Fiber scheduler;
static Options options;
static void (*body)(void**);
static void** arguments;
static std::vector<Range> static_shared;
static char* dynamic_start;
static size_t dynamic_size;
static char message[512];
static bool failed, running;
static sigjmp_buf bad_access;

// ThreadSanitizer: barriers order what is before them with what is after. Each barrier has two objects, used in turn, so that a
// thread one barrier ahead does not order one that is behind. A block's threads come after the threads of the block before.
static char barrier_sync[2], warp_sync[32][2], start_sync, end_sync;
static unsigned barriers, collectives[32];
#ifdef CPU_THREAD_SANITIZER
static void release(void* object) { __tsan_release(object); }
static void acquire(void* object) { __tsan_acquire(object); }
#else
static void release(void*) {}
static void acquire(void*) {}
#endif

static int where(char* to, size_t size) {
  if (!current) return 0;
  const dim3 b = blockIdx, t = current->index;
  return snprintf(to, size, "block (%u, %u, %u) thread (%u, %u, %u): ", b.x, b.y, b.z, t.x, t.y, t.z);
}
static __attribute__((noinline)) void pause_thread() { switch_fiber(current->fiber, scheduler); }

void fail(const char* format, ...) {
  const int used = where(message, sizeof message);
  va_list list;
  va_start(list, format);
  vsnprintf(message + used, sizeof message - used, format, list);
  va_end(list);
  failed = true;
  pause_thread();
  abort();
}
// For the scheduler, which is no thread: it reports and stops by itself.
static void report(const char* format, ...) {
  const int used = snprintf(message, sizeof message, "block (%u, %u, %u): ", blockIdx.x, blockIdx.y, blockIdx.z);
  va_list list;
  va_start(list, format);
  vsnprintf(message + used, sizeof message - used, format, list);
  va_end(list);
  failed = true;
}

unsigned lane() { return current->linear % 32; }
void* dynamic_shared() { return dynamic_start; }

// ---- barriers and warp collectives

static void open_barrier_if_all_wait() {
  if (!alive || waiting != alive) return;
  const Thread* first = nullptr;
  for (unsigned i = 0; i < count; ++i) {
    Thread& t = threads[i];
    if (t.state != AT_BARRIER) continue;
    if (!first) first = &t;
    if (t.line != first->line || t.file != first->file)
      return report("divergent __syncthreads: thread %u at %s:%d, thread %u at %s:%d", first->linear, first->file, first->line,
                    t.linear, t.file, t.line);
  }
  for (unsigned i = 0; i < count; ++i)
    if (threads[i].state == AT_BARRIER) threads[i].state = READY;
  waiting = 0;
  ++barriers;
}

__attribute__((noinline)) void block_barrier(const char* file, int line) {
  Thread& me = *current;
  me.state = AT_BARRIER;
  me.file = file;
  me.line = line;
  ++waiting;
  void* sync = &barrier_sync[barriers % 2];
  release(sync);
  open_barrier_if_all_wait();
  pause_thread();
  acquire(sync);
}

__attribute__((noinline)) void warp_collective(unsigned mask, void* argument, Collective all, const char* file, int line) {
  Thread& me = *current;
  const unsigned warp = me.linear / 32;
  if (!(mask >> lane() & 1)) fail("%s:%d: lane %u is not in its own mask %08x", file, line, lane(), mask);
  me.state = AT_COLLECTIVE;
  me.mask = mask;
  me.argument = argument;
  me.all = all;
  me.file = file;
  me.line = line;
  void* sync = &warp_sync[warp][collectives[warp] % 2];
  release(sync);
  void* of_lane[32] = {};
  bool complete = true;
  for (unsigned l = 0; l < 32; ++l) {
    if (!(mask >> l & 1)) continue;
    if (warp * 32 + l >= count) fail("%s:%d: mask %08x names lane %u, which does not exist", file, line, mask, l);
    Thread& other = threads[warp * 32 + l];
    if (other.state == DONE) fail("%s:%d: mask %08x names lane %u, which has exited", file, line, mask, l);
    if (other.state != AT_COLLECTIVE)
      complete = false;
    else if (other.mask != mask || other.all != all)
      fail("%s:%d: lane %u waits in another collective, at %s:%d with mask %08x, not %08x", file, line, l, other.file, other.line,
           other.mask, mask);
    of_lane[l] = other.argument;
  }
  if (complete) {
    acquire(sync);
    ++collectives[warp];
    for (unsigned l = 0; l < 32; ++l)
      if (mask >> l & 1) threads[warp * 32 + l].state = READY;
    all(of_lane, mask);
    release(sync);
  }
  pause_thread();
  acquire(sync);
}

// ---- asynchronous copies: lazy ones happen at the wait, so that a forgotten wait leaves what was there before

static void perform(const Copy& copy) {
  if (copy.valid)
    memcpy(copy.to, copy.from, copy.bytes);
  else
    memset(copy.to, 0, copy.bytes);
}
void copy_async(void* to, const void* from, int bytes, bool valid) {
  if ((uintptr_t)to % bytes || (valid && (uintptr_t)from % bytes)) fail("misaligned asynchronous copy of %d bytes", bytes);
  const Copy copy{to, from, bytes, valid};
  if (options.eager) perform(copy);
  current->open.push_back(copy);
}
void copy_commit() {
  current->groups.push_back(std::move(current->open));
  current->open.clear();
}
void copy_wait(int pending) {
  auto& groups = current->groups;
  while ((int)groups.size() > pending) {
    if (!options.eager)
      for (const Copy& copy : groups.front()) perform(copy);
    groups.erase(groups.begin());
  }
}

// ---- threads and blocks

static void thread_main() {
  acquire(&start_sync);
  body(arguments);
  for (const auto& group : current->groups)
    if (!group.empty()) fail("has exited without waiting for its asynchronous copies");
  if (!current->open.empty()) fail("has exited without waiting for its asynchronous copies");
  current->state = DONE;
  --alive;
  release(&end_sync);
  open_barrier_if_all_wait();
  pause_thread();
  abort();
}

static void report_deadlock() {
  const Thread *a = nullptr, *b = nullptr;
  for (unsigned i = 0; i < count; ++i) {
    const Thread& t = threads[i];
    if (t.state == DONE) continue;
    if (!a) a = &t;
    if (t.state != a->state || t.line != a->line) b = &t;
  }
  if (b)
    report("deadlock: thread %u waits at %s:%d, thread %u at %s:%d", a->linear, a->file, a->line, b->linear, b->file, b->line);
  else
    report("deadlock: thread %u waits at %s:%d for threads that have exited or wait for others", a->linear, a->file, a->line);
}

static void run_block(std::vector<unsigned>& order, std::mt19937& random) {
  alive = count;
  waiting = 0;
  for (const Range& range : static_shared) memset(range.start, 0xFF, range.size);  // NaN as a float, -1 as an int
  memset(dynamic_start, 0xFF, dynamic_size);
  for (unsigned i = 0; i < count; ++i) {
    restart(threads[i].fiber);
    threads[i].state = READY;
    threads[i].open.clear();
    threads[i].groups.clear();
  }
  release(&start_sync);
  const bool greedy = options.order >= FIRST_WARP_AHEAD;
  while (alive) {
    bool progress = false;
    if (options.order == SHUFFLED) std::shuffle(order.begin(), order.end(), random);
    for (unsigned k = 0; k < count; ++k) {
      if (greedy && progress && k % 32 == 0) break;  // back to the first warp that can go on
      Thread& t = threads[order[k]];
      if (t.state != READY) continue;
      progress = true;
      current = &t;
      threadIdx = t.index;
      switch_fiber(scheduler, t.fiber);
      if (failed) return;
    }
    if (!progress) return report_deadlock();
  }
  current = nullptr;
  acquire(&end_sync);
}

static void on_signal(int number, siginfo_t* info, void*) {
  if (!running) {
    signal(number, SIG_DFL);
    raise(number);
    return;
  }
  running = false;
  const char* what = number == SIGFPE ? "division by zero" : "address out of bounds or misaligned";
  const int used = where(message, sizeof message);
  snprintf(message + used, sizeof message - used, "%s, %p", what, info ? info->si_addr : nullptr);
  failed = true;
  siglongjmp(bad_access, 1);
}

static void run_grid() {
  std::vector<unsigned> order(count);
  const bool backwards = options.order == REVERSE || options.order == LAST_WARP_AHEAD;
  for (unsigned i = 0; i < count; ++i) order[i] = backwards ? count - 1 - i : i;
  std::mt19937 random(options.seed);
  const size_t blocks = (size_t)gridDim.x * gridDim.y * gridDim.z;
  for (size_t k = 0; k < blocks && !failed; ++k) {
    const size_t b = backwards ? blocks - 1 - k : k;
    blockIdx = {(unsigned)(b % gridDim.x), (unsigned)(b / gridDim.x % gridDim.y), (unsigned)(b / gridDim.x / gridDim.y)};
    run_block(order, random);
  }
}

static const size_t MOST_SHARED = 232448;  // bytes that a block of compute capability 9.0 may have

static bool valid_launch(size_t shared) {
  const size_t size = (size_t)blockDim.x * blockDim.y * blockDim.z;  // CUDA's limits for compute capability 9.0
  return size > 0 && size <= 1024 && blockDim.z <= 64 && gridDim.x && gridDim.y && gridDim.z && gridDim.y <= 65535 &&
         gridDim.z <= 65535 && gridDim.x <= 0x7fffffff && shared <= MOST_SHARED;
}

// The end of a block's dynamic shared memory, before a page that nobody may touch.
static char* dynamic_end() {
  static char* end = nullptr;
  if (!end) {
    const size_t page = sysconf(_SC_PAGESIZE), room = (MOST_SHARED + page - 1) / page * page;
    char* start = (char*)mmap(nullptr, room + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    end = start + room;
    mprotect(end, page, PROT_NONE);
  }
  return end;
}

static const char* launch(const KernelEntry& kernel, const dim3& grid, const dim3& block, size_t shared, void** given,
                          const Options& chosen) {
  message[0] = 0;
  failed = false;
  current = nullptr;
  options = chosen;
  gridDim = grid;
  blockDim = block;
  body = kernel.call;
  arguments = given;
  if (!valid_launch(shared)) return "invalid configuration";
  count = block.x * block.y * block.z;
  if (threads.size() < count) threads.resize(count);
  for (unsigned i = 0; i < count; ++i) {
    threads[i].linear = i;
    threads[i].index = {i % block.x, i / block.x % block.y, i / block.x / block.y};
  }
  dynamic_start = dynamic_end() - (shared + 15) / 16 * 16;
  dynamic_size = shared;
#ifdef CPU_THREAD_SANITIZER
  scheduler.sanitizer = __tsan_get_current_fiber();
#endif
#ifdef CPU_SANITIZER  // which catches bad addresses itself
  run_grid();
#else
  static char signal_stack[65536];
  stack_t stack{}, old_stack{};
  stack.ss_sp = signal_stack;
  stack.ss_size = sizeof signal_stack;
  sigaltstack(&stack, &old_stack);
  struct sigaction action{}, old_action[3];
  const int signals[3] = {SIGSEGV, SIGBUS, SIGFPE};
  action.sa_sigaction = on_signal;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
  for (int s = 0; s < 3; ++s) sigaction(signals[s], &action, &old_action[s]);
  running = true;
  if (!sigsetjmp(bad_access, 1)) run_grid();
  running = false;
  for (int s = 0; s < 3; ++s) sigaction(signals[s], &old_action[s], nullptr);
  sigaltstack(&old_stack, nullptr);
#endif
  current = nullptr;
  return failed ? message : nullptr;
}
}  // namespace cpu

extern "C" void fiber_main() { cpu::thread_main(); }

// What Python calls. The kernel table is made with the kernel file.
#define EXPORT extern "C" __attribute__((visibility("default")))
extern const cpu::KernelEntry cpu_kernels[];
extern const int cpu_kernel_count;
EXPORT int cpu_count() { return cpu_kernel_count; }
EXPORT const cpu::KernelEntry* cpu_kernel(int k) { return &cpu_kernels[k]; }
EXPORT void cpu_shared(char* start, size_t size) { cpu::static_shared.push_back({start, size}); }
EXPORT const char* cpu_launch(int k, const dim3* grid, const dim3* block, size_t shared, void** arguments,
                              const cpu::Options* options) {
  return cpu::launch(cpu_kernels[k], *grid, *block, shared, arguments, *options);
}
