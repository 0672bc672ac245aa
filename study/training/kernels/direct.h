// Convolutions as direct sums: the stem and the last one.
#pragma once

#include <algorithm>
#include "layout.h"
#include "vectors.h"

namespace {

constexpr int TILE_PIXELS = MANY_REGISTERS ? 6 : 2, TILE_OUT = 4, TAPS = 3;
constexpr int GRADIENT_OUT = MANY_REGISTERS ? 8 : 4;

// A convolution without bias terms in the shape: K x K taps, stride, padding PAD; IN and OUT are stored rows.
template <class T, int K, int STRIDE, int PAD, int C_IN, int C_OUT, int SIDE_IN, int WIDTH_IN, int OFFSET_IN,
          int SIDE_OUT, int WIDTH_OUT, int OFFSET_OUT, int P, int O, int G>
struct Convolution {
    using V = Vector<T>;
    static constexpr int ROW_IN = C_IN * WIDTH_IN, ROW_OUT = C_OUT * WIDTH_OUT;
    static_assert(SIDE_OUT % P == 0 && C_OUT % O == 0 && C_OUT % G == 0 && K % TAPS == 0);

    // out = after(sum of taps + bias + addend); addend may be out itself; mask is read where after is MASK.
    // A tile is P pixels of a row times O output channels, all in registers. For the rows first .. last of the taps, and
    // in each for every input channel, it takes in K taps: rows of [y][channel][x] follow one another in memory, so
    // "row" walks through channels and rows alike, WIDTH_IN at a time, and "weights" beside it, K * O at a time.
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
    //   in      [SIDE_IN y][C_IN][WIDTH_IN x]        row: input row STRIDE * y + ky - PAD, channel c, from tap k0 on
    //   grad    [SIDE_OUT y][C_OUT][WIDTH_OUT x]     from: row y, channels o0 .. o0 + G - 1
    //   taps    row[STRIDE * x .. STRIDE * x + 2], the pixels that taps k0 .. k0 + 2 meet at output x:
    //             x     [0 1 2]
    //             x + 1     [2 3 4]    (STRIDE 2: one pixel is shared and moves from the last place to the first)
    HOT static void gradient(const V* in, const V* grad, V* weights, V* bias) {
        for (int o0 = 0; o0 < C_OUT; o0 += G)
            for (int ky = 0; ky < K; ++ky) {
                const int first = PAD > ky ? (PAD - ky + STRIDE - 1) / STRIDE : 0;
                const int last = std::min(SIDE_OUT, (SIDE_IN - 1 + PAD - ky) / STRIDE + 1);
                for (int c = 0; c < C_IN; ++c)
                    for (int k0 = 0; k0 < K; k0 += TAPS) {
                        V sums[TAPS][G] = {};
                        for (int y = first; y < last; ++y) {
                            const V* row = in + (STRIDE * y + ky - PAD) * ROW_IN + c * WIDTH_IN + OFFSET_IN - PAD + k0;
                            const V* from = grad + y * ROW_OUT + o0 * WIDTH_OUT + OFFSET_OUT;
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
                for (int x = 0; x < SIDE_OUT; ++x) bias[o] += grad[y * ROW_OUT + o * WIDTH_OUT + x + OFFSET_OUT];
    }

    // weights (C_OUT, C_IN, K, K) -> packed [out / O][ky][in][kx][O]: a tile's O output channels side by side
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

}  // namespace
