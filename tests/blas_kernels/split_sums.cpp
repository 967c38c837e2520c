// A BLAS that adds up in another order for every shape, whatever the processor: each sum over k is split in two at a place that
// depends on the shape, and NumPy's own OpenBLAS adds up the two parts. Preloaded, it takes the place of the functions that
// NumPy calls. A test that compares bits across shapes fails with it; the same call twice gives the same bits.
#include <dlfcn.h>
#include <link.h>

#include <cstdint>
#include <cstring>

namespace {
using Int = int64_t;  // the wheels' OpenBLAS counts in 64 bits
constexpr int ROW_MAJOR = 101, NO_TRANSPOSE = 111;

int open_if_openblas(dl_phdr_info* info, size_t, void* handle) {
    if (!std::strstr(info->dlpi_name, "libscipy_openblas64_")) return 0;
    *static_cast<void**>(handle) = dlopen(info->dlpi_name, RTLD_NOW | RTLD_NOLOAD);
    return 1;
}

// The function of this name in OpenBLAS itself.
template <class Function>
Function* original(Function*, const char* name) {
    void* handle = nullptr;
    dl_iterate_phdr(open_if_openblas, &handle);
    return reinterpret_cast<Function*>(dlsym(handle, name));
}

// How many of k terms the first part has: 1 to k - 1.
Int first_part(Int m, Int n, Int k) {
    uint64_t hash = m * 0x9E3779B97F4A7C15u + n * 0xC2B2AE3D27D4EB4Fu + k * 0x165667B19E3779F9u;
    hash = (hash ^ hash >> 29) * 0xBF58476D1CE4E5B9u;
    return k < 2 ? k : 1 + static_cast<Int>((hash ^ hash >> 32) % (k - 1));
}

// How far apart terms lie in a matrix with k columns (across) or k rows.
Int step(int order, bool across, Int ld) { return (order == ROW_MAJOR) == across ? 1 : ld; }
}  // namespace

#define SPLIT(T, NAME)                                                                                                          \
    extern "C" void scipy_cblas_##NAME##gemm64_(int order, int ta, int tb, Int m, Int n, Int k, T alpha, const T* a, Int lda,   \
                                                const T* b, Int ldb, T beta, T* c, Int ldc) {                                   \
        static auto* next = original(&scipy_cblas_##NAME##gemm64_, "scipy_cblas_" #NAME "gemm64_");                             \
        Int first = first_part(m, n, k);                                                                                        \
        next(order, ta, tb, m, n, first, alpha, a, lda, b, ldb, beta, c, ldc);                                                  \
        if (first == k) return;                                                                                                 \
        a += first * step(order, ta == NO_TRANSPOSE, lda), b += first * step(order, tb != NO_TRANSPOSE, ldb);                   \
        next(order, ta, tb, m, n, k - first, alpha, a, lda, b, ldb, 1, c, ldc);                                                 \
    }                                                                                                                           \
    extern "C" void scipy_cblas_##NAME##syrk64_(int order, int uplo, int ta, Int n, Int k, T alpha, const T* a, Int lda,        \
                                                T beta, T* c, Int ldc) {                                                        \
        static auto* next = original(&scipy_cblas_##NAME##syrk64_, "scipy_cblas_" #NAME "syrk64_");                             \
        Int first = first_part(n, n, k);                                                                                        \
        next(order, uplo, ta, n, first, alpha, a, lda, beta, c, ldc);                                                           \
        if (first == k) return;                                                                                                 \
        next(order, uplo, ta, n, k - first, alpha, a + first * step(order, ta == NO_TRANSPOSE, lda), lda, 1, c, ldc);           \
    }                                                                                                                           \
    extern "C" void scipy_cblas_##NAME##gemv64_(int order, int ta, Int m, Int n, T alpha, const T* a, Int lda, const T* x,      \
                                                Int incx, T beta, T* y, Int incy) {                                             \
        static auto* next = original(&scipy_cblas_##NAME##gemv64_, "scipy_cblas_" #NAME "gemv64_");                             \
        bool across = ta == NO_TRANSPOSE;                                                                                       \
        Int k = across ? n : m, first = incx > 0 ? first_part(across ? m : n, 1, k) : k;                                        \
        next(order, ta, across ? m : first, across ? first : n, alpha, a, lda, x, incx, beta, y, incy);                         \
        if (first == k) return;                                                                                                 \
        a += first * step(order, across, lda), x += first * incx;                                                               \
        next(order, ta, across ? m : k - first, across ? k - first : n, alpha, a, lda, x, incx, 1, y, incy);                    \
    }                                                                                                                           \
    extern "C" T scipy_cblas_##NAME##dot64_(Int n, const T* x, Int incx, const T* y, Int incy) {                                \
        static auto* next = original(&scipy_cblas_##NAME##dot64_, "scipy_cblas_" #NAME "dot64_");                               \
        Int first = incx > 0 && incy > 0 ? first_part(1, 1, n) : n;                                                             \
        T sum = next(first, x, incx, y, incy);                                                                                  \
        return first == n ? sum : sum + next(n - first, x + first * incx, incx, y + first * incy, incy);                        \
    }

SPLIT(float, s)
SPLIT(double, d)
