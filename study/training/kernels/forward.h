// The forward pass of a training step.
#pragma once

#include <cmath>
#include "direct.h"
#include "images.h"
#include "layout.h"
#include "norm.h"
#include "stem.h"
#include "vectors.h"
#include "winograd.h"
#include "workspace.h"

namespace {

template <class T> struct Forward {
    using V = Vector<T>;
    const Workspace<T>& space;
    Tensors<T> parameters;
    int batch;

    int layers() const { return space.layers; }
    bool residual() const { return space.shape.residual; }

    void stem(const uint8_t* images, const int64_t* index, const T* table) const {
        alignas(64) T packed[STEM_WEIGHTS];
        ComposedStem<T> composed;
        composed.compose(parameters);
        Stem<T>::pack(composed.kernel, packed);
        for (int g = 0; g < space.groups; ++g) {
            gather<T>(images, index + g * LANES<T>, space.lanes(g, batch), table, space.image(g));
            Stem<T>::template forward<After::NOTHING, false>(space.image(g), packed, composed.bias, nullptr, nullptr,
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

}  // namespace
