// Bias, norm of queries and keys, rotary positions, and keys and values into their pages: one warp
// for each head of each token.
//
// Floor: 4 · tokens · (heads + 2 · heads_kv) · width bytes (read once, written once) and
// 4 · tokens · width of angles; about 9 FLOPs an element.
//
// Dimension i turns with dimension i + width / 2. Sum, norm and turn are f32; there is one rounding. A
// token whose position is beyond the table, or whose slot is beyond the cache, is not kept, and
// the query of the former is zero.
#include "common.cuh"

constexpr uint32_t PAIRS = 4;  // a lane holds: width ≤ 256

template <class T> __device__ void rotary_write(const RotaryWriteArgs& args) {
    const uint32_t lane = threadIdx.x % WARP;
    const uint64_t vectors = args.heads + 2ull * args.heads_kv;
    const uint64_t vector = uint64_t(blockIdx.x) * (blockDim.x / WARP) + threadIdx.x / WARP;
    if (vector >= args.tokens * vectors) return;
    const uint32_t token = uint32_t(vector / vectors), head = uint32_t(vector % vectors);
    const bool query = head < args.heads, value = head >= args.heads + args.heads_kv;
    const uint32_t half = args.width / 2;
    const T* from = static_cast<const T*>(args.projected) + vector * args.width;
    const int32_t position = args.token_positions[token];
    const bool placed = position >= 0 && uint32_t(position) < args.positions;

    const T* bias = static_cast<const T*>(args.bias);
    if (bias) bias += uint64_t(head) * args.width;
    float low[PAIRS], high[PAIRS];
    float squares = 0.0f;
#pragma unroll
    for (uint32_t j = 0; j < PAIRS; j++) {
        const uint32_t i = lane + j * WARP;
        low[j] = i < half ? to_float(from[i]) : 0.0f;
        high[j] = i < half ? to_float(from[i + half]) : 0.0f;
        if (bias && i < half) {
            low[j] += to_float(bias[i]);
            high[j] += to_float(bias[i + half]);
        }
        squares += low[j] * low[j] + high[j] * high[j];
    }
    const T* norm = static_cast<const T*>(query ? args.query_norm : args.key_norm);
    if (!value && norm) {
        const float mean = warp_sum(squares) / float(args.width);
        const float scale = 1.0f / sqrtf(mean + args.epsilon);
#pragma unroll
        for (uint32_t j = 0; j < PAIRS; j++) {
            const uint32_t i = lane + j * WARP;
            if (i >= half) continue;
            low[j] *= scale * to_float(norm[i]);
            high[j] *= scale * to_float(norm[i + half]);
        }
    }
    T* to;
    if (query) {
        to = static_cast<T*>(args.queries) + (uint64_t(token) * args.heads + head) * args.width;
    } else {
        const int32_t slot = args.token_slots[token];
        if (!placed || slot < 0 || uint64_t(slot) >= uint64_t(args.pages) * args.page_tokens)
            return;
        const uint32_t page = uint32_t(slot) / args.page_tokens;
        const uint32_t offset = uint32_t(slot) % args.page_tokens;
        const uint32_t head_kv = (head - args.heads) % args.heads_kv;
        to = static_cast<T*>(value ? args.values : args.keys) +
            ((uint64_t(page) * args.heads_kv + head_kv) * args.page_tokens + offset) * args.width;
    }
#pragma unroll
    for (uint32_t j = 0; j < PAIRS; j++) {
        const uint32_t i = lane + j * WARP;
        if (i >= half) continue;
        float turned_low = low[j], turned_high = high[j];
        if (!value) {
            const float cosine = placed ? args.cosines[uint64_t(position) * half + i] : 0.0f;
            const float sine = placed ? args.sines[uint64_t(position) * half + i] : 0.0f;
            turned_low = placed ? low[j] * cosine - high[j] * sine : 0.0f;
            turned_high = placed ? high[j] * cosine + low[j] * sine : 0.0f;
        }
        to[i] = rounded<T>(turned_low);
        to[i + half] = rounded<T>(turned_high);
    }
}

KERNEL_OF_FLOATS(rotary_write, 128, RotaryWriteArgs)
