// The sizes of the network and how its numbers lie in memory; see trunk.cpp.
#pragma once

#include <cstdint>

namespace {

constexpr int IMAGE = 32, COLOURS = 3;
constexpr int SIDE = 12, CHANNELS = 8, PADDED = SIDE + 2, ROW = CHANNELS * PADDED, ACTIVATION = SIDE * ROW;
constexpr int OUT_SIDE = 5, OUT_CHANNELS = 4, FEATURES = OUT_SIDE * OUT_SIDE * OUT_CHANNELS;
constexpr int PIXELS_OF_IMAGE = IMAGE * IMAGE * COLOURS;
constexpr int BLOCK_WEIGHTS = CHANNELS * CHANNELS * 9, STEM_WEIGHTS = CHANNELS * COLOURS * 81;
constexpr int LIFTED_WEIGHTS = CHANNELS * CHANNELS * 3 * 6;  // a block's, as winograd.h computes with them
constexpr int LAST_WEIGHTS = OUT_CHANNELS * CHANNELS * 9;
// The vectors that add up a convolution's gradient.
constexpr int SUMS = STEM_WEIGHTS > LIFTED_WEIGHTS ? STEM_WEIGHTS : LIFTED_WEIGHTS;

struct Shape {
    int32_t num_blocks, residual, batch_norm;
};

// One replica's tensors, found in the arrays of tensors of all replicas.
template <class T> struct Tensors {
    T* const* list;
    int replica;
    bool batch_norm;

    T* at(int index, int size) const { return list[index] + int64_t(replica) * size; }
    int of_layer(int layer) const { return 4 + layer * (batch_norm ? 4 : 2); }
    T* first_weight() const { return at(0, CHANNELS * COLOURS * 25); }  // of the stem's first convolution
    T* first_bias() const { return at(1, CHANNELS); }
    T* second_weight() const { return at(2, CHANNELS * CHANNELS * 25); }
    T* second_bias() const { return at(3, CHANNELS); }
    T* weight(int layer) const { return at(of_layer(layer), BLOCK_WEIGHTS); }
    T* bias(int layer) const { return at(of_layer(layer) + 1, CHANNELS); }
    T* norm_weight(int layer) const { return at(of_layer(layer) + 2, CHANNELS); }
    T* norm_bias(int layer) const { return at(of_layer(layer) + 3, CHANNELS); }
    T* last_weight(int layers) const { return at(of_layer(layers), LAST_WEIGHTS); }
    T* last_bias(int layers) const { return at(of_layer(layers) + 1, OUT_CHANNELS); }
};

// Calls f(index of the activation, channel) for every stored pixel but the padding.
template <class F> inline void each_pixel(F f) {
    for (int y = 0; y < SIDE; ++y)
        for (int c = 0; c < CHANNELS; ++c)
            for (int x = 0; x < SIDE; ++x) f(y * ROW + c * PADDED + x + 1, c);
}

}  // namespace
