// Images into lanes, features out of them.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include "layout.h"
#include "vectors.h"

namespace {

// Images of one group into lanes, normalised by table[byte]; spare lanes repeat the last image.
template <class T>
void gather(const uint8_t* images, const int64_t* index, int count, const T* table, Vector<T>* to) {
    constexpr int L = LANES<T>;
    const uint8_t* from[L];
    for (int lane = 0; lane < L; ++lane) from[lane] = images + index[std::min(lane, count - 1)] * PIXELS_OF_IMAGE;
    T* out = reinterpret_cast<T*>(to);
    for (int y = 0; y < IMAGE; ++y)
        for (int x = 0; x < IMAGE; ++x)
            for (int c = 0; c < COLOURS; ++c) {
                T* vector = out + ((y * COLOURS + c) * IMAGE + x) * L;
                for (int lane = 0; lane < L; ++lane) vector[lane] = table[from[lane][(y * IMAGE + x) * COLOURS + c]];
            }
}

template <class T> void features_out(const Vector<T>* in, int count, T* out) {
    for (int lane = 0; lane < count; ++lane)
        for (int c = 0; c < OUT_CHANNELS; ++c)
            for (int y = 0; y < OUT_SIDE; ++y)
                for (int x = 0; x < OUT_SIDE; ++x)
                    out[lane * FEATURES + (c * OUT_SIDE + y) * OUT_SIDE + x] =
                        in[(y * OUT_CHANNELS + c) * OUT_SIDE + x][lane];
}

template <class T> void features_in(const T* in, int count, Vector<T>* out) {
    std::memset(out, 0, FEATURES * sizeof(Vector<T>));
    for (int lane = 0; lane < count; ++lane)
        for (int c = 0; c < OUT_CHANNELS; ++c)
            for (int y = 0; y < OUT_SIDE; ++y)
                for (int x = 0; x < OUT_SIDE; ++x)
                    out[(y * OUT_CHANNELS + c) * OUT_SIDE + x][lane] =
                        in[lane * FEATURES + (c * OUT_SIDE + y) * OUT_SIDE + x];
}

}  // namespace
