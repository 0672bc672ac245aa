// A block's convolution and its gradients.
#pragma once

#include "layout.h"
#include "vectors.h"

namespace {

// A block's convolution (3x3, 8 -> 8 channels, padded) by Winograd's minimal filtering F(4, 3) along x: four outputs from
// six inputs with 6 products instead of 12 (Winograd 1980; Lavin and Gray, "Fast algorithms for convolutional neural
// networks", CVPR 2016, https://arxiv.org/abs/1509.09308). Along one axis only: the transforms stay cheap and, with the
// points 0, 1, -1, 2, -2 and infinity, the rounding stays that of a direct sum.
//   outputs = A (lift(weights) * lift(inputs)), summed over channels and rows before A is applied
// and the gradient of the weights, its transpose: G^T sum over images and tiles of (A^T grads) * lift(inputs).
template <class T> struct Block {
    using V = Vector<T>;
    static constexpr int POINTS = 6, TILES = 3, STEP = 4, O = MANY_REGISTERS ? 8 : 4, N = GRADIENT_OUT;
    // A row of 12 outputs is three tiles of four, each made from six stored inputs (x = 0 and 13 are the zeros beside):
    //   stored x   0  1  2  3  4  5  6  7  8  9 10 11 12 13
    //   tile 0    [0  1  2  3  4  5]                           -> outputs at x = 1 .. 4
    //   tile 1                [4  5  6  7  8  9]               -> outputs at x = 5 .. 8
    //   tile 2                            [8  9 10 11 12 13]   -> outputs at x = 9 .. 12
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
    HOT static void gradient(const V* in, const V* grad, V* weights, V* bias) {
        // [point][y][channel][tile]; the inputs have a row of zeros above and below.
        V inputs[POINTS][(SIDE + 2) * LINE], grads[POINTS][SIDE * LINE];
        for (int j = 0; j < POINTS; ++j)
            for (int i = 0; i < LINE; ++i) inputs[j][i] = inputs[j][(SIDE + 1) * LINE + i] = V{};
        for (int y = 0; y < SIDE; ++y) {
            lift_row(in + y * ROW, SIDE + 2, inputs[0] + (y + 1) * LINE);
            raise_row(grad + y * ROW, grads[0] + y * LINE, bias);
        }
        for (int j = 0; j < POINTS; ++j)
            for (int c = 0; c < CHANNELS; ++c)
                for (int o0 = 0; o0 < CHANNELS; o0 += N, weights += 3 * N)
                    correlate(inputs[j] + c * TILES, grads[j] + o0 * TILES, weights);
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

    // Four grads a tile -> six points, the transpose of lower(); adds the grads to the bias's gradient on the way.
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

    // Adds to sums[ky][o] the products of each row of one input channel with the grads of the row that tap ky takes it to.
    HOT static void correlate(const V* x, const V* grad, V* to) {
        V sums[3][N] = {};
        for (int t = 0; t < TILES; ++t) {
            V above = x[t], at = x[LINE + t];
#pragma GCC unroll 3
            for (int y = 0; y < SIDE; ++y) {
                const V below = x[(y + 2) * LINE + t];
#pragma GCC unroll 8
                for (int o = 0; o < N; ++o) {
                    const V s = grad[y * LINE + o * TILES + t];
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

}  // namespace
