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
//   weights     packed so that a tile reads them in order; see direct.h and winograd.h
// The last group of a batch may be partly empty: its spare lanes repeat the last image, are left out of batch
// norm's statistics and have gradients of zero.
//
// Compiled by build.py, for float and (to check gradients) double.

#include <cstdint>

#include "backward.h"
#include "forward.h"
#include "inference.h"
#include "layout.h"
#include "workspace.h"

namespace {

template <class T> int64_t workspace_size(const Shape* shape, int largest) {
    return Workspace<T>(*shape, largest, 0, nullptr).size() * LANES<T>;
}

template <class T>
void forward(const Shape* shape, T* const* parameters, T* const* running, int replica, const uint8_t* images,
             const int64_t* index, const T* table, int largest, int batch, T* workspace, T* features) {
    const Workspace<T> space(*shape, largest, batch, workspace);
    const Forward<T> step{space, {parameters, replica, bool(shape->batch_norm)}, batch};
    step.stem(images, index, table);
    if (shape->batch_norm)
        step.normed_blocks(running);
    else
        step.plain_blocks();
    step.last(features);
}

template <class T>
void backward(const Shape* shape, T* const* parameters, T* const* gradients, int replica, int largest, int batch,
              T* workspace, const T* grads) {
    const Workspace<T> space(*shape, largest, batch, workspace);
    const bool normed = shape->batch_norm;
    const Backward<T> back{space, {parameters, replica, normed}, {gradients, replica, normed}, batch};
    back.last(grads);
    if (normed)
        back.normed_blocks();
    else
        back.plain_blocks();
    back.stem();
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
                                 int largest, int batch, T* workspace, const T* grads) {                               \
        backward<T>(shape, parameters, gradients, replica, largest, batch, workspace, grads);                          \
    }                                                                                                                   \
    extern "C" void infer_##T(const Shape* shape, T* const* parameters, T* const* running, int replica,                 \
                              const uint8_t* images, int64_t first, int64_t count, const T* table, T* scratch,          \
                              T* features) {                                                                            \
        infer<T>(shape, parameters, running, replica, images, first, count, table, scratch, features);                  \
    }

ENTRY_POINTS(float)
ENTRY_POINTS(double)
