// The CPU's counterpart of kernels/ptx.cuh: the same functions in plain C++.

namespace cpu {
inline float from_bits(unsigned bits) {
  float value;
  memcpy(&value, &bits, 4);
  return value;
}
// What the tensor core sees of an operand: it ignores the low 13 bits.
inline float tf32(unsigned bits) { return from_bits(bits & 0xffffe000u); }

struct Fragments {
  float* d;
  const unsigned *a, *b;
};
inline void multiply_all(void* of_lane[32], unsigned) {
  float a[16][8], b[8][8];
  for (int l = 0; l < 32; ++l) {
    const auto* f = static_cast<Fragments*>(of_lane[l]);
    const int group = l / 4, t = l % 4;
    for (int e = 0; e < 4; ++e) a[group + e % 2 * 8][t + e / 2 * 4] = tf32(f->a[e]);
    for (int e = 0; e < 2; ++e) b[t + e * 4][group] = tf32(f->b[e]);
  }
  for (int l = 0; l < 32; ++l) {
    auto* f = static_cast<Fragments*>(of_lane[l]);
    for (int e = 0; e < 4; ++e) {
      const int row = l / 4 + e / 2 * 8, column = l % 4 * 2 + e % 2;
      float sum = 0;
      for (int k = 0; k < 8; ++k) sum += a[row][k] * b[k][column];
      f->d[e] += sum;
    }
  }
}
}  // namespace cpu

// Round to nearest, ties away from zero, to 10 bits of mantissa; infinities and NaN stay what they are.
static inline unsigned to_tf32(float value) {
  unsigned bits;
  memcpy(&bits, &value, 4);
  if ((bits & 0x7f800000u) != 0x7f800000u) bits += 0x1000u;
  return bits & 0xffffe000u;
}
static inline void multiply_add_tf32(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2], CPU_CALLER) {
  cpu::Fragments mine{d, a, b};
  cpu::warp_collective(0xffffffffu, &mine, cpu::multiply_all, file, line);
}
template <int BYTES>
static inline void copy_async(void* shared, const void* global, bool valid) {
  cpu::copy_async(shared, global, BYTES, valid);
}
static inline void copy_commit() { cpu::copy_commit(); }
template <int N>
static inline void copy_wait() {
  cpu::copy_wait(N);
}
