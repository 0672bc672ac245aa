// The stem's two convolutions, composed into one.
#pragma once

#include "layout.h"
#include "vectors.h"

namespace {

// conv1 (5x5, 3 -> 8) and conv2 (5x5, stride 2, 8 -> 8) have nothing between them, so together they are one 9x9
// convolution of stride 2, whose kernel is the full convolution of theirs:
//   kernel[o][i][a + c][b + d] = sum over m, a, b, c, d of second[o][m][a][b] * first[m][i][c][d]
//   bias[o] = second_bias[o] + sum over m, a, b of second[o][m][a][b] * first_bias[m]
// Layouts: first (8 m, 3 i, 5 c, 5 d), second (8 o, 8 m, 5 a, 5 b), kernel (8 o, 3 i, 9, 9). In here the output channels
// o stand last, next to each other, so that they fill a register: second [m][a][b][o], kernel [i][9][9][o].
template <class T> struct ComposedStem {
    static constexpr int K = 5, WIDE = 2 * K - 1, TAPS = K * K;
    T kernel[STEM_WEIGHTS], bias[CHANNELS];

    HOT void compose(const Tensors<T>& tensors) {
        alignas(64) T second[CHANNELS * TAPS * CHANNELS], wide[STEM_WEIGHTS] = {};
        outputs_last<CHANNELS * TAPS>(tensors.second_weight(), second);
        const T* first = tensors.first_weight();
        each_pair([&](int m, int tap, int product, int place) {
            for (int o = 0; o < CHANNELS; ++o)
                wide[place * CHANNELS + o] += second[(m * TAPS + tap) * CHANNELS + o] * first[product];
        });
        for (int o = 0; o < CHANNELS; ++o) {
            for (int at = 0; at < COLOURS * WIDE * WIDE; ++at) kernel[o * COLOURS * WIDE * WIDE + at] = wide[at * CHANNELS + o];
            bias[o] = tensors.second_bias()[o];
        }
        for (int m = 0; m < CHANNELS; ++m)
            for (int tap = 0; tap < TAPS; ++tap)
                for (int o = 0; o < CHANNELS; ++o)
                    bias[o] += second[(m * TAPS + tap) * CHANNELS + o] * tensors.first_bias()[m];
    }

    // With the gradients of the composed convolution in kernel and bias: those of the two.
    HOT void decompose(const Tensors<T>& tensors, const Tensors<T>& gradients) const {
        alignas(64) T second[CHANNELS * TAPS * CHANNELS], wide[STEM_WEIGHTS];
        alignas(64) T to_second[CHANNELS * TAPS * CHANNELS], to_first[CHANNELS * COLOURS * TAPS * CHANNELS] = {};
        outputs_last<CHANNELS * TAPS>(tensors.second_weight(), second);
        outputs_last<COLOURS * WIDE * WIDE>(kernel, wide);
        const T* first = tensors.first_weight();
        for (int m = 0; m < CHANNELS; ++m) {
            T sum = 0;
            for (int tap = 0; tap < TAPS; ++tap)
                for (int o = 0; o < CHANNELS; ++o) {
                    const int at = (m * TAPS + tap) * CHANNELS + o;
                    to_second[at] = bias[o] * tensors.first_bias()[m];
                    sum += bias[o] * second[at];
                }
            gradients.first_bias()[m] = sum;
        }
        each_pair([&](int m, int tap, int product, int place) {
            for (int o = 0; o < CHANNELS; ++o) {
                to_second[(m * TAPS + tap) * CHANNELS + o] += wide[place * CHANNELS + o] * first[product];
                to_first[product * CHANNELS + o] += wide[place * CHANNELS + o] * second[(m * TAPS + tap) * CHANNELS + o];
            }
        });
        for (int product = 0; product < CHANNELS * COLOURS * TAPS; ++product) {
            T sum = 0;
            for (int o = 0; o < CHANNELS; ++o) sum += to_first[product * CHANNELS + o];
            gradients.first_weight()[product] = sum;
        }
        for (int o = 0; o < CHANNELS; ++o) {
            for (int at = 0; at < CHANNELS * TAPS; ++at)
                gradients.second_weight()[o * CHANNELS * TAPS + at] = to_second[at * CHANNELS + o];
            gradients.second_bias()[o] = bias[o];
        }
    }

  private:
    // Calls f(m, tap of second, index in first, place in the kernel) for every product of a weight of each.
    template <class F> static inline void each_pair(F f) {
        for (int m = 0; m < CHANNELS; ++m)
            for (int tap = 0; tap < TAPS; ++tap)
                for (int i = 0; i < COLOURS; ++i)
                    for (int c = 0; c < K; ++c)
                        for (int d = 0; d < K; ++d)
                            f(m, tap, ((m * COLOURS + i) * K + c) * K + d, (i * WIDE + tap / K + c) * WIDE + tap % K + d);
    }

    // (8, N) -> (N, 8)
    template <int N> static void outputs_last(const T* from, T* to) {
        for (int o = 0; o < CHANNELS; ++o)
            for (int at = 0; at < N; ++at) to[at * CHANNELS + o] = from[o * N + at];
    }
};

}  // namespace
