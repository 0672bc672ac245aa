// What a training step keeps from its forward for its backward pass.
#pragma once

#include <algorithm>
#include <cstdint>
#include "layout.h"
#include "vectors.h"

namespace {

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
    V* grad(int g) const { return activation(activations() - 2, g); }
    V* inner_grad(int g) const { return activation(activations() - 1, g); }
    V* scratch(int which) const { return activation(activations(), 0) + which * ACTIVATION; }
    V* features() const { return scratch(2); }
    V* sums() const { return features() + FEATURES; }
    T* norm(int layer, int what) const {  // mean, 1 / deviation, scale, shift: (CHANNELS,) each
        return reinterpret_cast<T*>(sums() + SUMS + CHANNELS) + (layer * 4 + what) * CHANNELS;
    }
    int lanes(int g, int batch) const { return std::min(LANES<T>, batch - g * LANES<T>); }
};

}  // namespace
