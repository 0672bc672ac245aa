// Batch norm.
#pragma once

#include <cmath>
#include "layout.h"
#include "vectors.h"

namespace {

constexpr double EPSILON = 1e-5, MOMENTUM = 0.1;  // PyTorch's defaults

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

// out = relu(scale * a + shift [+ skip])
template <class T>
void normalise_relu(const Vector<T>* a, const T* scale, const T* shift, const Vector<T>* skip, Vector<T>* out) {
    if (skip)
        each_pixel([&](int at, int c) { out[at] = relu(a[at] * scale[c] + shift[c] + skip[at]); });
    else
        each_pixel([&](int at, int c) { out[at] = relu(a[at] * scale[c] + shift[c]); });
}

}  // namespace
