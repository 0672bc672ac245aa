// Vectors of LANES numbers, as wide as the processor's registers. GNU vector extensions: GCC or Clang.
#pragma once

#if defined(__AVX512F__)
#define WIDEST 64
#elif defined(__AVX__)
#define WIDEST 32
#else
#define WIDEST 16
#endif
#ifndef VECTOR_BYTES  // tests set it: any width computes the same anywhere
#define VECTOR_BYTES WIDEST
#endif
#ifndef REGISTERS
#if defined(__AVX512F__) || defined(__aarch64__)
#define REGISTERS 32
#else
#define REGISTERS 16
#endif
#endif

namespace {

typedef float FloatVector __attribute__((vector_size(VECTOR_BYTES)));
typedef double DoubleVector __attribute__((vector_size(VECTOR_BYTES)));
template <class T> struct VectorOf;
template <> struct VectorOf<float> { using type = FloatVector; };
template <> struct VectorOf<double> { using type = DoubleVector; };
template <class T> using Vector = typename VectorOf<T>::type;
template <class T> constexpr int LANES = VECTOR_BYTES / sizeof(T);

// A tile's accumulators fill the registers and leave some for a few pixels and a weight.
constexpr bool MANY_REGISTERS = REGISTERS == 32;

// relu and its mask propagate NaN, as PyTorch's do.
template <class V> inline V relu(V v) { return v < 0 ? V{} : v; }
template <class V> inline V where_positive(V mask, V v) { return mask <= 0 ? V{} : v; }

// What a convolution does to its sums before it writes them.
enum class After { NOTHING, RELU, MASK };

// Where a loop is inlined, what stands around it takes registers from it: the hot ones are functions of their own.
#define HOT __attribute__((noinline))

// Holds a value in a register; a compiler may otherwise read it from memory again for each product, which makes the
// loads the bottleneck.
template <class V> inline V in_register(V v) {
#if VECTOR_BYTES <= WIDEST && defined(__x86_64__)
    asm("" : "+v"(v));
#elif VECTOR_BYTES <= WIDEST && defined(__aarch64__)
    asm("" : "+w"(v));
#endif
    return v;
}

// Not V{} + value: adding zero is not nothing (-0 + 0 is +0), so a compiler must really add.
template <class T> inline Vector<T> broadcast(T value) {
    Vector<T> v;
    for (int i = 0; i < LANES<T>; ++i) v[i] = value;
    return v;
}

template <class T> inline T sum_lanes(Vector<T> v, int lanes = LANES<T>) {
    T sum = 0;
    for (int i = 0; i < lanes; ++i) sum += v[i];
    return sum;
}

}  // namespace
