// VEC numbers side by side (figure 3's maps are the innermost axis), moved by one instruction where they fill 4, 8 or 16 bytes.

template <typename T, int VEC>
struct alignas(sizeof(T) * VEC) Pack {
  T v[VEC];
};

template <int VEC, typename T>
__device__ __forceinline__ Pack<T, VEC> load(const T* from) {
  return *reinterpret_cast<const Pack<T, VEC>*>(from);
}

template <typename T, int VEC>
__device__ __forceinline__ void store(T* to, const Pack<T, VEC>& pack) {
  *reinterpret_cast<Pack<T, VEC>*>(to) = pack;
}
