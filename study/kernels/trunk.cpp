// The trunk of the network (images -> stem -> blocks -> last convolution -> 100 features) and its gradients for one
// replica on one CPU thread, with a batch of images in the lanes of a vector register.
//
// Why: 8 channels of 12 x 12 pixels are too few for a library's convolution, which puts channels or pixels into the
// lanes and half fills them. Here a vector holds the same pixel of LANES images (a *group*), so that every lane
// works at every channel count, a weight is one broadcast, and a convolution is a sum of products of whole
// registers. Bias, batch norm, ReLU, skip connection and their masks are applied while a tile is still in
// registers.
//
// Layouts (V is a vector of LANES numbers):
//   images      [32 y][3 channels][32 x] V
//   activations [12 y][8 channels][14 x] V, the first and last x zero, so that a 3x3 tap never tests for an edge;
//               rows above and below are skipped instead
//   features    [5 y][4 channels][5 x] V here, (batch, 4 * 5 * 5) outside
//   weights     packed [out / O][ky][in][kx][O], so that a tile reads them in order
// The last group of a batch may be partly empty: its spare lanes repeat the last image, are left out of batch
// norm's statistics and have gradients of zero.
//
// Compiled twice, for float and (to check gradients) double; see build.py. GNU vector extensions: GCC or Clang.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>

namespace {

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

typedef float FloatVector __attribute__((vector_size(VECTOR_BYTES)));
typedef double DoubleVector __attribute__((vector_size(VECTOR_BYTES)));
template <class T> struct VectorOf;
template <> struct VectorOf<float> { using type = FloatVector; };
template <> struct VectorOf<double> { using type = DoubleVector; };
template <class T> using Vector = typename VectorOf<T>::type;
template <class T> constexpr int LANES = VECTOR_BYTES / sizeof(T);

constexpr int IMAGE = 32, COLOURS = 3;
constexpr int SIDE = 12, CHANNELS = 8, PADDED = SIDE + 2, ROW = CHANNELS * PADDED, ACTIVATION = SIDE * ROW;
constexpr int OUT_SIDE = 5, OUT_CHANNELS = 4, FEATURES = OUT_SIDE * OUT_SIDE * OUT_CHANNELS;
constexpr int PIXELS_OF_IMAGE = IMAGE * IMAGE * COLOURS;
constexpr int BLOCK_WEIGHTS = CHANNELS * CHANNELS * 9, LIFTED_WEIGHTS = CHANNELS * CHANNELS * 3 * 6, STEM_WEIGHTS = CHANNELS * COLOURS * 81;
constexpr int LAST_WEIGHTS = OUT_CHANNELS * CHANNELS * 9;
constexpr int SUMS = STEM_WEIGHTS > LIFTED_WEIGHTS ? STEM_WEIGHTS : LIFTED_WEIGHTS;
constexpr double EPSILON = 1e-5, MOMENTUM = 0.1;  // PyTorch's defaults of batch norm

// A tile's accumulators fill the registers and leave some for a few pixels and a weight.
constexpr bool MANY = REGISTERS == 32;
constexpr int TILE_PIXELS = MANY ? 6 : 2, TILE_OUT = 4, TAPS = 3;
constexpr int GRADIENT_OUT = MANY ? 8 : 4;

// relu and its mask hand a NaN on, as PyTorch's do.
template <class V> inline V relu(V v) { return v < 0 ? V{} : v; }
template <class V> inline V where_positive(V mask, V v) { return mask <= 0 ? V{} : v; }

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

enum class After { NOTHING, RELU, MASK };

// A convolution without bias terms in the shape: K x K taps, stride, padding PAD; IN and OUT are stored rows.
template <class T, int K, int STRIDE, int PAD, int C_IN, int C_OUT, int SIDE_IN, int WIDTH_IN, int OFFSET_IN,
          int SIDE_OUT, int WIDTH_OUT, int OFFSET_OUT, int P, int O, int G>
struct Convolution {
    using V = Vector<T>;
    static constexpr int ROW_IN = C_IN * WIDTH_IN, ROW_OUT = C_OUT * WIDTH_OUT;
    static_assert(SIDE_OUT % P == 0 && C_OUT % O == 0 && C_OUT % G == 0 && K % TAPS == 0);

    // out = after(sum of taps + bias + addend); addend may be out itself; mask is read where after is MASK.
    template <After AFTER, bool ADD>
    HOT static void forward(const V* in, const T* packed, const T* bias, const V* addend, const V* mask, V* out) {
        for (int y = 0; y < SIDE_OUT; ++y) {
            const int first = std::max(0, PAD - STRIDE * y), last = std::min(K, SIDE_IN + PAD - STRIDE * y);
            for (int o0 = 0; o0 < C_OUT; o0 += O)
                for (int x0 = 0; x0 < SIDE_OUT; x0 += P) {
                    V tile[P][O];
                    for (int p = 0; p < P; ++p)
                        for (int o = 0; o < O; ++o) tile[p][o] = bias ? broadcast<T>(bias[o0 + o]) : V{};
                    const V* row = in + (STRIDE * y - PAD + first) * ROW_IN + OFFSET_IN - PAD + STRIDE * x0;
                    const T* weights = packed + (o0 * C_IN * K + first * C_IN * O) * K;
                    for (int channels = (last - first) * C_IN; channels; --channels) {
                        accumulate(row, weights, tile);
                        row += WIDTH_IN;  // the next channel, and after the last the next row
                        weights += K * O;
                    }
                    for (int o = 0; o < O; ++o)
                        for (int p = 0; p < P; ++p) {
                            const int at = y * ROW_OUT + (o0 + o) * WIDTH_OUT + x0 + p + OFFSET_OUT;
                            V v = tile[p][o];
                            if (ADD) v += addend[at];
                            if (AFTER == After::RELU) v = relu(v);
                            if (AFTER == After::MASK) v = where_positive(mask[at], v);
                            out[at] = v;
                        }
                }
        }
    }

    // Adds the gradients of the weights, [out / G][ky][in][kx][G], and of the bias, each still a vector of lanes.
    HOT static void gradient(const V* in, const V* slope, V* weights, V* bias) {
        for (int o0 = 0; o0 < C_OUT; o0 += G)
            for (int ky = 0; ky < K; ++ky) {
                const int first = PAD > ky ? (PAD - ky + STRIDE - 1) / STRIDE : 0;
                const int last = std::min(SIDE_OUT, (SIDE_IN - 1 + PAD - ky) / STRIDE + 1);
                for (int c = 0; c < C_IN; ++c)
                    for (int k0 = 0; k0 < K; k0 += TAPS) {
                        V sums[TAPS][G] = {};
                        for (int y = first; y < last; ++y) {
                            const V* row = in + (STRIDE * y + ky - PAD) * ROW_IN + c * WIDTH_IN + OFFSET_IN - PAD + k0;
                            const V* from = slope + y * ROW_OUT + o0 * WIDTH_OUT + OFFSET_OUT;
                            V taps[TAPS];
                            for (int k = STRIDE; k < TAPS; ++k) taps[k] = row[k - STRIDE];
                            // Pixels that two steps share stay in registers; unrolled, that moves nothing.
#pragma GCC unroll 3
                            for (int x = 0; x < SIDE_OUT; ++x) {
#pragma GCC unroll 3
                                for (int k = 0; k < TAPS; ++k)
                                    taps[k] = k + STRIDE < TAPS ? taps[k + STRIDE] : row[STRIDE * x + k];
#pragma GCC unroll 8
                                for (int o = 0; o < G; ++o) {
                                    const V s = from[o * WIDTH_OUT + x];
#pragma GCC unroll 3
                                    for (int k = 0; k < TAPS; ++k) sums[k][o] += taps[k] * s;
                                }
                            }
                        }
                        V* to = weights + ((o0 * K + ky * G) * C_IN + c * G) * K + k0 * G;
                        for (int k = 0; k < TAPS; ++k)
                            for (int o = 0; o < G; ++o) to[k * G + o] += sums[k][o];
                    }
            }
        for (int y = 0; y < SIDE_OUT; ++y)
            for (int o = 0; o < C_OUT; ++o)
                for (int x = 0; x < SIDE_OUT; ++x) bias[o] += slope[y * ROW_OUT + o * WIDTH_OUT + x + OFFSET_OUT];
    }

    // weights (C_OUT, C_IN, K, K) -> packed
    static void pack(const T* weights, T* packed) {
        for (int o = 0; o < C_OUT; ++o)
            for (int i = 0; i < C_IN; ++i)
                for (int ky = 0; ky < K; ++ky)
                    for (int kx = 0; kx < K; ++kx)
                        packed[(((o / O * K + ky) * C_IN + i) * K + kx) * O + o % O] =
                            weights[((o * C_IN + i) * K + ky) * K + kx];
    }

    // The summed lanes of gradient() -> (C_OUT, C_IN, K, K) and (C_OUT,)
    static void unpack(const V* weights, const V* bias, T* weights_out, T* bias_out) {
        for (int o = 0; o < C_OUT; ++o) {
            bias_out[o] = sum_lanes<T>(bias[o]);
            for (int i = 0; i < C_IN; ++i)
                for (int ky = 0; ky < K; ++ky)
                    for (int kx = 0; kx < K; ++kx)
                        weights_out[((o * C_IN + i) * K + ky) * K + kx] =
                            sum_lanes<T>(weights[(((o / G * K + ky) * C_IN + i) * K + kx) * G + o % G]);
        }
    }

  private:
    static inline void accumulate(const V* row, const T* weights, V (&tile)[P][O]) {
#pragma GCC unroll 9
        for (int kx = 0; kx < K; ++kx)
#pragma GCC unroll 8
            for (int o = 0; o < O; ++o) {
                const T weight = weights[kx * O + o];
#pragma GCC unroll 8
                for (int p = 0; p < P; ++p) tile[p][o] += row[STRIDE * p + kx] * weight;
            }
    }
};

template <class T>
using Stem = Convolution<T, 9, 2, 0, COLOURS, CHANNELS, IMAGE, IMAGE, 0, SIDE, PADDED, 1, TILE_PIXELS, TILE_OUT, GRADIENT_OUT>;
template <class T>
using Last = Convolution<T, 3, 2, 0, CHANNELS, OUT_CHANNELS, SIDE, PADDED, 1, OUT_SIDE, OUT_SIDE, 0, OUT_SIDE, 2, OUT_CHANNELS>;

// A block's convolution (3x3, 8 -> 8 channels, padded) by Winograd's minimal filtering F(4, 3) along x: four outputs from
// six inputs with 6 products instead of 12 (Winograd 1980; Lavin and Gray, "Fast algorithms for convolutional neural
// networks", CVPR 2016, https://arxiv.org/abs/1509.09308). Along one axis only: the transforms stay cheap and, with the
// points 0, 1, -1, 2, -2 and infinity, the rounding stays that of a direct sum.
//   outputs = A (lift(weights) * lift(inputs)), summed over channels and rows before A is applied
// and the gradient of the weights, its transpose: G^T sum over images and tiles of (A^T slopes) * lift(inputs).
template <class T> struct Block {
    using V = Vector<T>;
    static constexpr int POINTS = 6, TILES = 3, STEP = 4, O = MANY ? 8 : 4, N = GRADIENT_OUT;
    static constexpr int LINE = CHANNELS * TILES;
    static constexpr int LIFTED_ROW = POINTS * LINE;  // [point][channel][tile]
    static constexpr double G[POINTS][3] = {{1. / 4, 0, 0},           {-1. / 6, -1. / 6, -1. / 6}, {-1. / 6, 1. / 6, -1. / 6},
                                            {1. / 24, 1. / 12, 1. / 6}, {1. / 24, -1. / 12, 1. / 6}, {0, 0, 1}};

    // out = after(convolution + bias + addend); addend may be out itself; mask is read where after is MASK.
    template <After AFTER, bool ADD>
    HOT static void forward(const V* in, const T* packed, const T* bias, const V* addend, const V* mask, V* out) {
        V lifted[3][LIFTED_ROW], products[LIFTED_ROW];  // the rows above, at and below y
        lift_row(in, 1, lifted[0]);
        for (int y = 0; y < SIDE; ++y) {
            if (y + 1 < SIDE) lift_row(in + (y + 1) * ROW, 1, lifted[(y + 1) % 3]);
            multiply(lifted, y, packed, products);
            for (int o = 0; o < CHANNELS; ++o)
                for (int t = 0; t < TILES; ++t) {
                    V four[STEP];
                    lower(products + o * TILES + t, four);
                    for (int i = 0; i < STEP; ++i) {
                        const int at = y * ROW + o * PADDED + STEP * t + i + 1;
                        V v = four[i];
                        if (bias) v += bias[o];
                        if (ADD) v += addend[at];
                        if (AFTER == After::RELU) v = relu(v);
                        if (AFTER == After::MASK) v = where_positive(mask[at], v);
                        out[at] = v;
                    }
                }
        }
    }

    // Adds the gradients of the lifted weights, [point][in][out / N][ky][N], and of the bias, each still a vector of lanes.
    HOT static void gradient(const V* in, const V* slope, V* weights, V* bias) {
        // [point][y][channel][tile]; the inputs have a row of zeros above and below.
        V inputs[POINTS][(SIDE + 2) * LINE], slopes[POINTS][SIDE * LINE];
        for (int j = 0; j < POINTS; ++j)
            for (int i = 0; i < LINE; ++i) inputs[j][i] = inputs[j][(SIDE + 1) * LINE + i] = V{};
        for (int y = 0; y < SIDE; ++y) {
            lift_row(in + y * ROW, SIDE + 2, inputs[0] + (y + 1) * LINE);
            raise_row(slope + y * ROW, slopes[0] + y * LINE, bias);
        }
        for (int j = 0; j < POINTS; ++j)
            for (int c = 0; c < CHANNELS; ++c)
                for (int o0 = 0; o0 < CHANNELS; o0 += N, weights += 3 * N)
                    correlate(inputs[j] + c * TILES, slopes[j] + o0 * TILES, weights);
    }

    // weights (8 out, 8 in, 3, 3), each output channel times its scale -> lifted, packed [point][out / O][ky][in][O]
    static void pack(const T* weights, T* packed, const T* scale = nullptr) {
        lift_weights(packed, [&](int o, int i, int ky, int kx) {
            return weights[((o * CHANNELS + i) * 3 + ky) * 3 + kx] * (scale ? scale[o] : 1);
        });
    }

    // The weights of the input's gradient: the taps turned by 180 degrees, inputs and outputs exchanged.
    static void pack_turned(const T* weights, T* packed) {
        lift_weights(packed, [&](int o, int i, int ky, int kx) {
            return weights[((i * CHANNELS + o) * 3 + 2 - ky) * 3 + 2 - kx];
        });
    }

    // The summed lanes of gradient() -> (8 out, 8 in, 3, 3) and (8,)
    static void unpack(const V* weights, const V* bias, T* weights_out, T* bias_out) {
        for (int o = 0; o < CHANNELS; ++o) bias_out[o] = sum_lanes<T>(bias[o]);
        for (int ky = 0; ky < 3; ++ky)
            for (int i = 0; i < CHANNELS; ++i)
                for (int o = 0; o < CHANNELS; ++o) {
                    double sums[3] = {};
                    for (int j = 0; j < POINTS; ++j) {
                        const double lifted = sum_lanes<T>(
                            weights[(((j * CHANNELS + i) * (CHANNELS / N) + o / N) * 3 + ky) * N + o % N]);
                        for (int kx = 0; kx < 3; ++kx) sums[kx] += G[j][kx] * lifted;
                    }
                    for (int kx = 0; kx < 3; ++kx) weights_out[((o * CHANNELS + i) * 3 + ky) * 3 + kx] = T(sums[kx]);
                }
    }

  private:
    // One row, six overlapping pixels a tile -> six points; rows is how many rows lie between the points in to.
    static void lift_row(const V* row, int rows, V* to) {
        const int between = rows * LINE;
        for (int c = 0; c < CHANNELS; ++c)
            for (int t = 0; t < TILES; ++t) {
                const V* d = row + c * PADDED + STEP * t;
                V* point = to + c * TILES + t;
                const V even = d[4] - 4 * d[2], odd = d[3] - 4 * d[1], outer = d[4] - d[2], inner = 2 * (d[3] - d[1]);
                point[0] = 4 * d[0] - 5 * d[2] + d[4];
                point[1 * between] = even + odd;
                point[2 * between] = even - odd;
                point[3 * between] = outer + inner;
                point[4 * between] = outer - inner;
                point[5 * between] = 4 * d[1] - 5 * d[3] + d[5];
            }
    }

    // Four slopes a tile -> six points, the transpose of lower(); adds the slopes to the bias's gradient on the way.
    static void raise_row(const V* row, V* to, V* bias) {
        constexpr int between = SIDE * LINE;
        for (int c = 0; c < CHANNELS; ++c)
            for (int t = 0; t < TILES; ++t) {
                const V* g = row + c * PADDED + STEP * t + 1;
                V* point = to + c * TILES + t;
                const V even = g[0] + g[2], odd = g[1] + g[3];
                const V far_even = g[0] + 4 * g[2], far_odd = 2 * g[1] + 8 * g[3];
                point[0] = g[0];
                point[1 * between] = even + odd;
                point[2 * between] = even - odd;
                point[3 * between] = far_even + far_odd;
                point[4 * between] = far_even - far_odd;
                point[5 * between] = g[3];
                bias[c] += even + odd;
            }
    }

    HOT static void multiply(const V (&lifted)[3][LIFTED_ROW], int y, const T* packed, V* products) {
        const int first = y == 0, last = 3 - (y == SIDE - 1);
        for (int j = 0; j < POINTS; ++j)
            for (int o0 = 0; o0 < CHANNELS; o0 += O) {
                V tile[TILES][O] = {};
                for (int ky = first; ky < last; ++ky) {
                    const V* x = lifted[(y + ky + 2) % 3] + j * LINE;
                    const T* weights = packed + ((j * (CHANNELS / O) + o0 / O) * 3 + ky) * CHANNELS * O;
#pragma GCC unroll 2
                    for (int c = 0; c < CHANNELS; ++c, x += TILES, weights += O) {
                        V taps[TILES];
                        for (int t = 0; t < TILES; ++t) taps[t] = in_register(x[t]);
#pragma GCC unroll 8
                        for (int o = 0; o < O; ++o) {
                            const T weight = weights[o];
#pragma GCC unroll 3
                            for (int t = 0; t < TILES; ++t) tile[t][o] += taps[t] * weight;
                        }
                    }
                }
                for (int o = 0; o < O; ++o)
                    for (int t = 0; t < TILES; ++t) products[(j * CHANNELS + o0 + o) * TILES + t] = tile[t][o];
            }
    }

    // Adds to sums[ky][o] the products of each row of one input channel with the slopes of the row that tap ky takes it to.
    HOT static void correlate(const V* x, const V* slope, V* to) {
        V sums[3][N] = {};
        for (int t = 0; t < TILES; ++t) {
            V above = x[t], at = x[LINE + t];
#pragma GCC unroll 3
            for (int y = 0; y < SIDE; ++y) {
                const V below = x[(y + 2) * LINE + t];
#pragma GCC unroll 8
                for (int o = 0; o < N; ++o) {
                    const V s = slope[y * LINE + o * TILES + t];
                    sums[0][o] += above * s;
                    sums[1][o] += at * s;
                    sums[2][o] += below * s;
                }
                above = at;
                at = below;
            }
        }
        for (int ky = 0; ky < 3; ++ky)
            for (int o = 0; o < N; ++o) to[ky * N + o] += sums[ky][o];
    }

    static inline void lower(const V* products, V (&out)[STEP]) {
        constexpr int between = LINE;
        const V m1 = products[between], m2 = products[2 * between], m3 = products[3 * between], m4 = products[4 * between];
        const V even = m1 + m2, odd = m1 - m2, far_even = m3 + m4, far_odd = m3 - m4;
        out[0] = products[0] + even + far_even;
        out[1] = odd + 2 * far_odd;
        out[2] = even + 4 * far_even;
        out[3] = odd + 8 * far_odd + products[5 * between];
    }

    template <class F> static void lift_weights(T* packed, F tap) {
        for (int o = 0; o < CHANNELS; ++o)
            for (int i = 0; i < CHANNELS; ++i)
                for (int ky = 0; ky < 3; ++ky)
                    for (int j = 0; j < POINTS; ++j) {
                        double sum = 0;
                        for (int kx = 0; kx < 3; ++kx) sum += G[j][kx] * tap(o, i, ky, kx);
                        packed[((j * (CHANNELS / O) + o / O) * 3 + ky) * CHANNELS * O + i * O + o % O] = T(sum);
                    }
    }
};

struct Shape {
    int32_t num_blocks, residual, batch_norm;
};

// One replica's tensors, found in the arrays of tensors of all replicas.
template <class T> struct Tensors {
    T* const* list;
    int replica;
    bool batch_norm;

    T* at(int index, int size) const { return list[index] + int64_t(replica) * size; }
    int of_layer(int layer) const { return 2 + layer * (batch_norm ? 4 : 2); }
    T* stem_weight() const { return at(0, STEM_WEIGHTS); }
    T* stem_bias() const { return at(1, CHANNELS); }
    T* weight(int layer) const { return at(of_layer(layer), BLOCK_WEIGHTS); }
    T* bias(int layer) const { return at(of_layer(layer) + 1, CHANNELS); }
    T* norm_weight(int layer) const { return at(of_layer(layer) + 2, CHANNELS); }
    T* norm_bias(int layer) const { return at(of_layer(layer) + 3, CHANNELS); }
    T* last_weight(int layers) const { return at(of_layer(layers), LAST_WEIGHTS); }
    T* last_bias(int layers) const { return at(of_layer(layers) + 1, OUT_CHANNELS); }
};

// Images of one group into lanes, normalised by table[byte]; spare lanes repeat the last image.
template <class T>
void gather(const uint8_t* images, const int64_t* index, int count, const T* table, Vector<T>* to) {
    constexpr int L = LANES<T>;
    const uint8_t* from[L];
    for (int lane = 0; lane < L; ++lane) from[lane] = images + index[std::min(lane, count - 1)] * PIXELS_OF_IMAGE;
    T* out = reinterpret_cast<T*>(to);
    for (int y = 0; y < IMAGE; ++y)
        for (int x = 0; x < IMAGE; ++x)
            for (int c = 0; c < COLOURS; ++c) {
                T* vector = out + ((y * COLOURS + c) * IMAGE + x) * L;
                for (int lane = 0; lane < L; ++lane) vector[lane] = table[from[lane][(y * IMAGE + x) * COLOURS + c]];
            }
}

template <class T> void features_out(const Vector<T>* in, int count, T* out) {
    for (int lane = 0; lane < count; ++lane)
        for (int c = 0; c < OUT_CHANNELS; ++c)
            for (int y = 0; y < OUT_SIDE; ++y)
                for (int x = 0; x < OUT_SIDE; ++x)
                    out[lane * FEATURES + (c * OUT_SIDE + y) * OUT_SIDE + x] =
                        in[(y * OUT_CHANNELS + c) * OUT_SIDE + x][lane];
}

template <class T> void features_in(const T* in, int count, Vector<T>* out) {
    std::memset(out, 0, FEATURES * sizeof(Vector<T>));
    for (int lane = 0; lane < count; ++lane)
        for (int c = 0; c < OUT_CHANNELS; ++c)
            for (int y = 0; y < OUT_SIDE; ++y)
                for (int x = 0; x < OUT_SIDE; ++x)
                    out[(y * OUT_CHANNELS + c) * OUT_SIDE + x][lane] =
                        in[lane * FEATURES + (c * OUT_SIDE + y) * OUT_SIDE + x];
}

// Calls f(index of the activation, channel) for every stored pixel but the padding.
template <class F> inline void each_pixel(F f) {
    for (int y = 0; y < SIDE; ++y)
        for (int c = 0; c < CHANNELS; ++c)
            for (int x = 0; x < SIDE; ++x) f(y * ROW + c * PADDED + x + 1, c);
}

// The gradient of the last convolution's input, zero where a mask is given and not positive.
template <class T> void last_input_gradient(const Vector<T>* slope, const T* weights, const Vector<T>* mask, Vector<T>* out) {
    each_pixel([&](int at, int) { out[at] = Vector<T>{}; });
    for (int y = 0; y < OUT_SIDE; ++y)
        for (int i = 0; i < CHANNELS; ++i)
            for (int ky = 0; ky < 3; ++ky) {
                Vector<T>* row = out + (2 * y + ky) * ROW + i * PADDED + 1;
                for (int o = 0; o < OUT_CHANNELS; ++o)
                    for (int x = 0; x < OUT_SIDE; ++x)
                        for (int kx = 0; kx < 3; ++kx)
                            row[2 * x + kx] += slope[(y * OUT_CHANNELS + o) * OUT_SIDE + x] *
                                               weights[((o * CHANNELS + i) * 3 + ky) * 3 + kx];
            }
    if (mask) each_pixel([&](int at, int) { out[at] = where_positive(mask[at], out[at]); });
}

// Batch norm's statistics of a layer over a batch, group by group (Chan, Golub and LeVeque, "Updating formulae and a
// pairwise algorithm for computing sample variances", 1979), so that no large sums cancel.
struct Moments {
    double count = 0, mean[CHANNELS] = {}, squares[CHANNELS] = {};

    template <class T> void add(const Vector<T>* a, int lanes) {
        Vector<T> sums[CHANNELS] = {}, squared[CHANNELS] = {};
        T means[CHANNELS];
        const double n = double(lanes) * SIDE * SIDE;
        each_pixel([&](int at, int c) { sums[c] += a[at]; });
        for (int c = 0; c < CHANNELS; ++c) means[c] = T(sum_lanes<T>(sums[c], lanes) / n);
        each_pixel([&](int at, int c) {
            const Vector<T> d = a[at] - means[c];
            squared[c] += d * d;
        });
        for (int c = 0; c < CHANNELS; ++c) {
            const double delta = means[c] - mean[c];
            mean[c] += delta * n / (count + n);
            squares[c] += sum_lanes<T>(squared[c], lanes) + delta * delta * count * n / (count + n);
        }
        count += n;
    }
};

// y = scale * x + shift, channel by channel
template <class T> struct Affine {
    T scale[CHANNELS], shift[CHANNELS];

    void set(int c, double weight, double bias, double mean, double deviation) {
        scale[c] = T(weight / deviation);
        shift[c] = T(bias - mean * weight / deviation);
    }
};

// Everything a training step keeps from its forward for its backward, in one piece of memory that is used again.
template <class T> struct Workspace {
    using V = Vector<T>;
    Shape shape;
    int layers, groups, capacity;
    V* memory;

    // capacity: the images of the largest batch. It fixes the places, so that the zeros beside activations stay.
    Workspace(const Shape& s, int largest, int batch, T* place)
        : shape(s), layers(2 * s.num_blocks), groups(groups_of(batch)), capacity(groups_of(largest)),
          memory(reinterpret_cast<V*>(place)) {}

    static int groups_of(int images) { return (images + LANES<T> - 1) / LANES<T>; }

    static constexpr int SCRATCH = 2 * ACTIVATION + FEATURES + SUMS + CHANNELS;
    int64_t activations() const { return 1 + layers + (shape.batch_norm ? layers : 0) + 2; }
    int64_t size() const {
        const int64_t norms = (int64_t(layers) * 4 * CHANNELS + LANES<T> - 1) / LANES<T>;
        return capacity * (PIXELS_OF_IMAGE + activations() * ACTIVATION) + SCRATCH + norms;
    }

    V* image(int g) const { return memory + int64_t(g) * PIXELS_OF_IMAGE; }
    V* activation(int64_t which, int g) const {
        return memory + int64_t(capacity) * PIXELS_OF_IMAGE + (which * capacity + g) * ACTIVATION;
    }
    // The input of a layer: of the first of a block, that block's input; of the second, what is between the two
    // (not kept with batch norm: made again from the first one's output). input(layers) is the last block's output.
    V* input(int layer, int g) const { return activation(layer, g); }
    V* convolved(int layer, int g) const { return activation(1 + layers + layer, g); }  // with batch norm
    V* slope(int g) const { return activation(activations() - 2, g); }
    V* inner_slope(int g) const { return activation(activations() - 1, g); }
    V* scratch(int which) const { return activation(activations(), 0) + which * ACTIVATION; }
    V* features() const { return scratch(2); }
    V* sums() const { return features() + FEATURES; }
    T* norm(int layer, int what) const {  // mean, 1 / deviation, scale, shift: (CHANNELS,) each
        return reinterpret_cast<T*>(sums() + SUMS + CHANNELS) + (layer * 4 + what) * CHANNELS;
    }
    int lanes(int g, int batch) const { return std::min(LANES<T>, batch - g * LANES<T>); }
};

// out = relu(scale * a + shift [+ skip])
template <class T>
void normalise_relu(const Vector<T>* a, const T* scale, const T* shift, const Vector<T>* skip, Vector<T>* out) {
    if (skip)
        each_pixel([&](int at, int c) { out[at] = relu(a[at] * scale[c] + shift[c] + skip[at]); });
    else
        each_pixel([&](int at, int c) { out[at] = relu(a[at] * scale[c] + shift[c]); });
}

template <class T> struct Step {
    using V = Vector<T>;
    const Workspace<T>& space;
    Tensors<T> parameters;
    int batch;

    int layers() const { return space.layers; }
    bool residual() const { return space.shape.residual; }

    void stem(const uint8_t* images, const int64_t* index, const T* table) const {
        alignas(64) T packed[STEM_WEIGHTS];
        Stem<T>::pack(parameters.stem_weight(), packed);
        for (int g = 0; g < space.groups; ++g) {
            gather<T>(images, index + g * LANES<T>, space.lanes(g, batch), table, space.image(g));
            Stem<T>::template forward<After::NOTHING, false>(space.image(g), packed, parameters.stem_bias(), nullptr, nullptr,
                                                            space.input(0, g));
        }
    }

    void plain_blocks() const {
        alignas(64) T packed[LIFTED_WEIGHTS];
        for (int layer = 0; layer < layers(); ++layer) {
            Block<T>::pack(parameters.weight(layer), packed);
            for (int g = 0; g < space.groups; ++g) {
                const V* in = space.input(layer, g);
                V* out = space.input(layer + 1, g);
                if (layer % 2 && residual())
                    Block<T>::template forward<After::RELU, true>(in, packed, parameters.bias(layer),
                                                                 space.input(layer - 1, g), nullptr, out);
                else
                    Block<T>::template forward<After::RELU, false>(in, packed, parameters.bias(layer), nullptr, nullptr, out);
            }
        }
    }

    // What layer reads: computed from the layer before, whose statistics are known by now.
    const V* normalised_input(int layer, int g) const {
        if (layer == 0) return space.input(0, g);
        V* out = layer % 2 ? space.scratch(0) : space.input(layer, g);
        const V* skip = layer % 2 == 0 && residual() ? space.input(layer - 2, g) : nullptr;
        normalise_relu<T>(space.convolved(layer - 1, g), space.norm(layer - 1, 2), space.norm(layer - 1, 3), skip, out);
        return out;
    }

    void normed_blocks(T* const* running) const {
        alignas(64) T packed[LIFTED_WEIGHTS];
        for (int layer = 0; layer < layers(); ++layer) {
            Block<T>::pack(parameters.weight(layer), packed);
            Moments moments;
            for (int g = 0; g < space.groups; ++g) {
                V* out = space.convolved(layer, g);
                Block<T>::template forward<After::NOTHING, false>(normalised_input(layer, g), packed, parameters.bias(layer),
                                                                 nullptr, nullptr, out);
                moments.add<T>(out, space.lanes(g, batch));
            }
            settle(layer, moments, running);
        }
        if (layers())
            for (int g = 0; g < space.groups; ++g) normalised_input(layers(), g);
    }

    void settle(int layer, const Moments& moments, T* const* running) const {
        T* running_mean = running[2 * layer] + parameters.replica * CHANNELS;
        T* running_variance = running[2 * layer + 1] + parameters.replica * CHANNELS;
        for (int c = 0; c < CHANNELS; ++c) {
            const double variance = moments.squares[c] / moments.count, inverse = 1 / std::sqrt(variance + EPSILON);
            const double weight = parameters.norm_weight(layer)[c], bias = parameters.norm_bias(layer)[c];
            space.norm(layer, 0)[c] = T(moments.mean[c]);
            space.norm(layer, 1)[c] = T(inverse);
            space.norm(layer, 2)[c] = T(weight * inverse);
            space.norm(layer, 3)[c] = T(bias - moments.mean[c] * weight * inverse);
            const double unbiased = moments.squares[c] / (moments.count - 1);
            running_mean[c] = T((1 - MOMENTUM) * running_mean[c] + MOMENTUM * moments.mean[c]);
            running_variance[c] = T((1 - MOMENTUM) * running_variance[c] + MOMENTUM * unbiased);
        }
    }

    void last(T* features) const {
        alignas(64) T packed[LAST_WEIGHTS];
        Last<T>::pack(parameters.last_weight(layers()), packed);
        for (int g = 0; g < space.groups; ++g) {
            Last<T>::template forward<After::NOTHING, false>(space.input(layers(), g), packed, parameters.last_bias(layers()),
                                                            nullptr, nullptr, space.features());
            features_out<T>(space.features(), space.lanes(g, batch), features + int64_t(g) * LANES<T> * FEATURES);
        }
    }
};

template <class T> struct Backward {
    using V = Vector<T>;
    const Workspace<T>& space;
    Tensors<T> parameters, gradients;
    int batch;

    int layers() const { return space.layers; }
    bool residual() const { return space.shape.residual; }
    V* weight_sums() const { return space.sums(); }
    V* bias_sums() const { return space.sums() + SUMS; }
    void clear_sums() const { std::memset(space.sums(), 0, (SUMS + CHANNELS) * sizeof(V)); }

    void last(const T* slopes) const {
        clear_sums();
        for (int g = 0; g < space.groups; ++g) {
            features_in<T>(slopes + int64_t(g) * LANES<T> * FEATURES, space.lanes(g, batch), space.features());
            Last<T>::gradient(space.input(layers(), g), space.features(), weight_sums(), bias_sums());
            last_input_gradient<T>(space.features(), parameters.last_weight(layers()),
                                   layers() ? space.input(layers(), g) : nullptr, space.slope(g));
        }
        Last<T>::unpack(weight_sums(), bias_sums(), gradients.last_weight(layers()), gradients.last_bias(layers()));
    }

    // slope(g) holds the gradient at a block's last sum, already masked by the block's last ReLU.
    void plain_blocks() const {
        for (int layer = layers() - 1; layer > 0; layer -= 2) {
            through<false>(layer);
            through<false>(layer - 1);
        }
    }

    void normed_blocks() const {
        for (int layer = layers() - 1; layer > 0; layer -= 2) {
            through<true>(layer);
            through<true>(layer - 1);
        }
    }

    void stem() const {
        clear_sums();
        for (int g = 0; g < space.groups; ++g)
            Stem<T>::gradient(space.image(g), space.slope(g), weight_sums(), bias_sums());
        Stem<T>::unpack(weight_sums(), bias_sums(), gradients.stem_weight(), gradients.stem_bias());
    }

  private:
    // The gradients of one layer; turns slope into inner_slope (second layer of a block) or back (first).
    template <bool NORMED> void through(int layer) const {
        alignas(64) T turned[LIFTED_WEIGHTS];
        Block<T>::pack_turned(parameters.weight(layer), turned);
        const bool second = layer % 2;
        if (NORMED) sum_slopes(layer);
        clear_sums();
        for (int g = 0; g < space.groups; ++g) {
            const V* slope = second ? space.slope(g) : space.inner_slope(g);
            const V* in = space.input(layer, g);
            if (NORMED) {
                slope = before_norm(layer, g, slope);
                if (second) in = between(layer, g);
            }
            Block<T>::gradient(in, slope, weight_sums(), bias_sums());
            if (second)
                Block<T>::template forward<After::MASK, false>(slope, turned, nullptr, nullptr, in, space.inner_slope(g));
            else
                to_block_input(layer, g, slope, turned);
        }
        Block<T>::unpack(weight_sums(), bias_sums(), gradients.weight(layer), gradients.bias(layer));
    }

    // The block's input came out of a ReLU, but for the first block's, which is the stem's output.
    void to_block_input(int layer, int g, const V* slope, const T* turned) const {
        V* out = space.slope(g);
        const V* mask = space.input(layer, g);
        if (residual() && layer)
            Block<T>::template forward<After::MASK, true>(slope, turned, nullptr, out, mask, out);
        else if (residual())
            Block<T>::template forward<After::NOTHING, true>(slope, turned, nullptr, out, nullptr, out);
        else if (layer)
            Block<T>::template forward<After::MASK, false>(slope, turned, nullptr, nullptr, mask, out);
        else
            Block<T>::template forward<After::NOTHING, false>(slope, turned, nullptr, nullptr, nullptr, out);
    }

    const V* between(int layer, int g) const {
        normalise_relu<T>(space.convolved(layer - 1, g), space.norm(layer - 1, 2), space.norm(layer - 1, 3), nullptr,
                          space.scratch(0));
        return space.scratch(0);
    }

    // The gradients of batch norm's weight (sum of slope * normalised) and bias (sum of slope).
    void sum_slopes(int layer) const {
        const T *mean = space.norm(layer, 0), *inverse = space.norm(layer, 1);
        T *by_weight = gradients.norm_weight(layer), *by_bias = gradients.norm_bias(layer);
        V products[CHANNELS] = {}, sums[CHANNELS] = {};
        for (int g = 0; g < space.groups; ++g) {
            const V *slope = layer % 2 ? space.slope(g) : space.inner_slope(g), *a = space.convolved(layer, g);
            V products_here[CHANNELS] = {}, sums_here[CHANNELS] = {};
            each_pixel([&](int at, int c) {
                sums_here[c] += slope[at];
                products_here[c] += slope[at] * (a[at] - mean[c]);
            });
            for (int c = 0; c < CHANNELS; ++c) sums[c] += sums_here[c], products[c] += products_here[c];
        }
        for (int c = 0; c < CHANNELS; ++c) {
            by_weight[c] = sum_lanes<T>(products[c]) * inverse[c];
            by_bias[c] = sum_lanes<T>(sums[c]);
        }
    }

    // The gradient at the convolution's output: scale * (slope - mean of slope - normalised * mean of slope * normalised)
    const V* before_norm(int layer, int g, const V* slope) const {
        const T count = T(batch) * SIDE * SIDE;
        const T *mean = space.norm(layer, 0), *inverse = space.norm(layer, 1), *scale = space.norm(layer, 2);
        const T *by_weight = gradients.norm_weight(layer), *by_bias = gradients.norm_bias(layer);
        T across[CHANNELS], constant[CHANNELS];
        for (int c = 0; c < CHANNELS; ++c) {
            across[c] = inverse[c] * by_weight[c] / count;
            constant[c] = by_bias[c] / count;
        }
        const V* a = space.convolved(layer, g);
        V* out = space.scratch(1);
        each_pixel([&](int at, int c) { out[at] = (slope[at] - constant[c] - (a[at] - mean[c]) * across[c]) * scale[c]; });
        const int lanes = space.lanes(g, batch);
        if (lanes < LANES<T>) each_pixel([&](int at, int) { for (int l = lanes; l < LANES<T>; ++l) out[at][l] = 0; });
        return out;
    }
};

template <class T> int64_t workspace_size(const Shape* shape, int largest) {
    return Workspace<T>(*shape, largest, 0, nullptr).size() * LANES<T>;
}

template <class T>
void forward(const Shape* shape, T* const* parameters, T* const* running, int replica, const uint8_t* images,
             const int64_t* index, const T* table, int largest, int batch, T* workspace, T* features) {
    const Workspace<T> space(*shape, largest, batch, workspace);
    const Step<T> step{space, {parameters, replica, bool(shape->batch_norm)}, batch};
    step.stem(images, index, table);
    if (shape->batch_norm)
        step.normed_blocks(running);
    else
        step.plain_blocks();
    step.last(features);
}

template <class T>
void backward(const Shape* shape, T* const* parameters, T* const* gradients, int replica, int largest, int batch,
              T* workspace, const T* slopes) {
    const Workspace<T> space(*shape, largest, batch, workspace);
    const bool normed = shape->batch_norm;
    const Backward<T> back{space, {parameters, replica, normed}, {gradients, replica, normed}, batch};
    back.last(slopes);
    if (normed)
        back.normed_blocks();
    else
        back.plain_blocks();
    back.stem();
}

// In eval mode batch norm is a constant affine map, so it goes into the convolution before it. Two activations in turn
// stay in the core's cache.
template <class T>
void infer(const Shape* shape, T* const* parameters, T* const* running, int replica, const uint8_t* images, int64_t first,
           int64_t count, const T* table, T* scratch, T* features) {
    using V = Vector<T>;
    const Tensors<T> tensors{parameters, replica, bool(shape->batch_norm)};
    const int layers = 2 * shape->num_blocks;
    V* image = reinterpret_cast<V*>(scratch);
    V* buffers[3] = {image + PIXELS_OF_IMAGE, image + PIXELS_OF_IMAGE + ACTIVATION, image + PIXELS_OF_IMAGE + 2 * ACTIVATION};
    V* out = buffers[2] + ACTIVATION;
    T* stem = reinterpret_cast<T*>(out + FEATURES);
    T* last = stem + STEM_WEIGHTS;
    T* packed = last + LAST_WEIGHTS;
    T* biases = packed + layers * LIFTED_WEIGHTS;
    Stem<T>::pack(tensors.stem_weight(), stem);
    Last<T>::pack(tensors.last_weight(layers), last);
    for (int layer = 0; layer < layers; ++layer) {
        T scale[CHANNELS];
        for (int c = 0; c < CHANNELS; ++c) {
            double s = 1, shift = 0;
            if (shape->batch_norm) {
                const int at = replica * CHANNELS + c;
                s = tensors.norm_weight(layer)[c] / std::sqrt(double(running[2 * layer + 1][at]) + EPSILON);
                shift = tensors.norm_bias(layer)[c] - running[2 * layer][at] * s;
            }
            scale[c] = T(s);
            biases[layer * CHANNELS + c] = T(tensors.bias(layer)[c] * s + shift);
        }
        Block<T>::pack(tensors.weight(layer), packed + layer * LIFTED_WEIGHTS, scale);
    }
    for (int64_t done = 0; done < count; done += LANES<T>) {
        const int lanes = int(std::min<int64_t>(LANES<T>, count - done));
        int64_t index[LANES<T>];
        for (int lane = 0; lane < LANES<T>; ++lane) index[lane] = first + done + lane;
        gather<T>(images, index, lanes, table, image);
        V *x = buffers[0], *between = buffers[1], *y = buffers[2];
        Stem<T>::template forward<After::NOTHING, false>(image, stem, tensors.stem_bias(), nullptr, nullptr, x);
        for (int layer = 0; layer < layers; layer += 2) {
            const T *first_weights = packed + layer * LIFTED_WEIGHTS, *second_weights = first_weights + LIFTED_WEIGHTS;
            const T *first_bias = biases + layer * CHANNELS, *second_bias = first_bias + CHANNELS;
            Block<T>::template forward<After::RELU, false>(x, first_weights, first_bias, nullptr, nullptr, between);
            if (shape->residual)
                Block<T>::template forward<After::RELU, true>(between, second_weights, second_bias, x, nullptr, y);
            else
                Block<T>::template forward<After::RELU, false>(between, second_weights, second_bias, nullptr, nullptr, y);
            std::swap(x, y);
        }
        Last<T>::template forward<After::NOTHING, false>(x, last, tensors.last_bias(layers), nullptr, nullptr, out);
        features_out<T>(out, lanes, features + done * FEATURES);
    }
}

template <class T> int64_t scratch_size(const Shape* shape) {
    const int64_t weights = STEM_WEIGHTS + LAST_WEIGHTS + 2 * int64_t(shape->num_blocks) * (LIFTED_WEIGHTS + CHANNELS);
    return (PIXELS_OF_IMAGE + 3 * ACTIVATION + FEATURES) * LANES<T> + weights;
}

}  // namespace

#define ENTRY_POINTS(T)                                                                                                \
    extern "C" int64_t workspace_size_##T(const Shape* shape, int largest) { return workspace_size<T>(shape, largest); } \
    extern "C" int64_t scratch_size_##T(const Shape* shape) { return scratch_size<T>(shape); }                          \
    extern "C" void forward_##T(const Shape* shape, T* const* parameters, T* const* running, int replica,               \
                                const uint8_t* images, const int64_t* index, const T* table, int largest, int batch,    \
                                T* workspace, T* features) {                                                            \
        forward<T>(shape, parameters, running, replica, images, index, table, largest, batch, workspace, features);     \
    }                                                                                                                   \
    extern "C" void backward_##T(const Shape* shape, T* const* parameters, T* const* gradients, int replica,            \
                                 int largest, int batch, T* workspace, const T* slopes) {                               \
        backward<T>(shape, parameters, gradients, replica, largest, batch, workspace, slopes);                          \
    }                                                                                                                   \
    extern "C" void infer_##T(const Shape* shape, T* const* parameters, T* const* running, int replica,                 \
                              const uint8_t* images, int64_t first, int64_t count, const T* table, T* scratch,          \
                              T* features) {                                                                            \
        infer<T>(shape, parameters, running, replica, images, first, count, table, scratch, features);                  \
    }

ENTRY_POINTS(float)
ENTRY_POINTS(double)
