// The backward pass of a training step.
#pragma once

#include <cstring>
#include "direct.h"
#include "images.h"
#include "layout.h"
#include "norm.h"
#include "stem.h"
#include "vectors.h"
#include "winograd.h"
#include "workspace.h"

namespace {

// The gradient of the last convolution's input, zero where a mask is given and not positive.
template <class T> void last_input_gradient(const Vector<T>* grad, const T* weights, const Vector<T>* mask, Vector<T>* out) {
    each_pixel([&](int at, int) { out[at] = Vector<T>{}; });
    for (int y = 0; y < OUT_SIDE; ++y)
        for (int i = 0; i < CHANNELS; ++i)
            for (int ky = 0; ky < 3; ++ky) {
                Vector<T>* row = out + (2 * y + ky) * ROW + i * PADDED + 1;
                for (int o = 0; o < OUT_CHANNELS; ++o)
                    for (int x = 0; x < OUT_SIDE; ++x)
                        for (int kx = 0; kx < 3; ++kx)
                            row[2 * x + kx] += grad[(y * OUT_CHANNELS + o) * OUT_SIDE + x] *
                                               weights[((o * CHANNELS + i) * 3 + ky) * 3 + kx];
            }
    if (mask) each_pixel([&](int at, int) { out[at] = where_positive(mask[at], out[at]); });
}

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

    void last(const T* grads) const {
        clear_sums();
        for (int g = 0; g < space.groups; ++g) {
            features_in<T>(grads + int64_t(g) * LANES<T> * FEATURES, space.lanes(g, batch), space.features());
            Last<T>::gradient(space.input(layers(), g), space.features(), weight_sums(), bias_sums());
            last_input_gradient<T>(space.features(), parameters.last_weight(layers()),
                                   layers() ? space.input(layers(), g) : nullptr, space.grad(g));
        }
        Last<T>::unpack(weight_sums(), bias_sums(), gradients.last_weight(layers()), gradients.last_bias(layers()));
    }

    // grad(g) holds the gradient at a block's last sum, already masked by the block's last ReLU.
    void plain_blocks() const {
        for (int layer = layers() - 1; layer > 0; layer -= 2) {
            through<false>(layer);
            through<false>(layer - 1);
        }
    }

    void normed_blocks() const {
        if (!layers()) return;
        NormSums top;
        for (int g = 0; g < space.groups; ++g) add(top, layers() - 1, g);
        settle(top, layers() - 1);
        for (int layer = layers() - 1; layer > 0; layer -= 2) {
            through<true>(layer);
            through<true>(layer - 1);
        }
    }

    void stem() const {
        clear_sums();
        for (int g = 0; g < space.groups; ++g)
            Stem<T>::gradient(space.image(g), space.grad(g), weight_sums(), bias_sums());
        ComposedStem<T> composed;
        Stem<T>::unpack(weight_sums(), bias_sums(), composed.kernel, composed.bias);
        composed.decompose(parameters, gradients);
    }

  private:
    // The gradients of one layer; turns grad into inner_grad (second layer of a block) or back (first).
    template <bool NORMED> void through(int layer) const {
        alignas(64) T turned[LIFTED_WEIGHTS];
        Block<T>::pack_turned(parameters.weight(layer), turned);
        const bool second = layer % 2;
        NormSums below;
        clear_sums();
        for (int g = 0; g < space.groups; ++g) {
            const V* grad = grad_of(layer, g);
            const V* in = space.input(layer, g);
            if (NORMED) {
                grad = before_norm(layer, g, grad);
                if (second) in = between(layer, g);
            }
            Block<T>::gradient(in, grad, weight_sums(), bias_sums());
            if (second)
                Block<T>::template forward<After::MASK, false>(grad, turned, nullptr, nullptr, in, space.inner_grad(g));
            else
                to_block_input(layer, g, grad, turned);
            if (NORMED && layer) add(below, layer - 1, g);
        }
        if (NORMED && layer) settle(below, layer - 1);
        Block<T>::unpack(weight_sums(), bias_sums(), gradients.weight(layer), gradients.bias(layer));
    }

    // The block's input came out of a ReLU, but for the first block's, which is the stem's output.
    void to_block_input(int layer, int g, const V* grad, const T* turned) const {
        V* out = space.grad(g);
        const V* mask = space.input(layer, g);
        if (residual() && layer)
            Block<T>::template forward<After::MASK, true>(grad, turned, nullptr, out, mask, out);
        else if (residual())
            Block<T>::template forward<After::NOTHING, true>(grad, turned, nullptr, out, nullptr, out);
        else if (layer)
            Block<T>::template forward<After::MASK, false>(grad, turned, nullptr, nullptr, mask, out);
        else
            Block<T>::template forward<After::NOTHING, false>(grad, turned, nullptr, nullptr, nullptr, out);
    }

    const V* between(int layer, int g) const {
        normalise_relu<T>(space.convolved(layer - 1, g), space.norm(layer - 1, 2), space.norm(layer - 1, 3), nullptr,
                          space.scratch(0));
        return space.scratch(0);
    }

    // The gradients of batch norm's weight (sum of grad * normalised) and bias (sum of grad) of a layer. Added up group by
    // group where the grads have just been computed: a pass of its own would fetch them from memory again.
    struct NormSums {
        V products[CHANNELS] = {}, grads[CHANNELS] = {};

        void add(const V* grad, const V* a, const T* mean) {
            V products_here[CHANNELS] = {}, grads_here[CHANNELS] = {};
            each_pixel([&](int at, int c) {
                grads_here[c] += grad[at];
                products_here[c] += grad[at] * (a[at] - mean[c]);
            });
            for (int c = 0; c < CHANNELS; ++c) grads[c] += grads_here[c], products[c] += products_here[c];
        }
    };

    const V* grad_of(int layer, int g) const { return layer % 2 ? space.grad(g) : space.inner_grad(g); }

    void add(NormSums& sums, int layer, int g) const {
        sums.add(grad_of(layer, g), space.convolved(layer, g), space.norm(layer, 0));
    }

    void settle(const NormSums& sums, int layer) const {
        for (int c = 0; c < CHANNELS; ++c) {
            gradients.norm_weight(layer)[c] = sum_lanes<T>(sums.products[c]) * space.norm(layer, 1)[c];
            gradients.norm_bias(layer)[c] = sum_lanes<T>(sums.grads[c]);
        }
    }

    // The gradient at the convolution's output: scale * (grad - mean of grad - normalised * mean of grad * normalised)
    const V* before_norm(int layer, int g, const V* grad) const {
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
        each_pixel([&](int at, int c) { out[at] = (grad[at] - constant[c] - (a[at] - mean[c]) * across[c]) * scale[c]; });
        const int lanes = space.lanes(g, batch);
        if (lanes < LANES<T>) each_pixel([&](int at, int) { for (int l = lanes; l < LANES<T>; ++l) out[at][l] = 0; });
        return out;
    }
};

}  // namespace
