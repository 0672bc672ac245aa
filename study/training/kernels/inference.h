// The network in eval mode.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include "direct.h"
#include "images.h"
#include "layout.h"
#include "norm.h"
#include "stem.h"
#include "vectors.h"
#include "winograd.h"

namespace {

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
    ComposedStem<T> composed;
    composed.compose(tensors);
    Stem<T>::pack(composed.kernel, stem);
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
        Stem<T>::template forward<After::NOTHING, false>(image, stem, composed.bias, nullptr, nullptr, x);
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
