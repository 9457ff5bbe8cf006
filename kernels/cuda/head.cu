// The output head over the rows of the allowed tokens only, and the best token of each state.
//
// Floor: 2 · candidates · width bytes of the head, read once for 8 states, and
// 2 · rows · width + 4 · candidates + rows · candidates / 8 more; 2 · rows · candidates · width
// FLOPs. Logits never leave the chip.
//
// Of equal scores the smaller token wins. NaN is never the best. A state with nothing allowed has
// NONE and -∞. The last block to arrive writes the answers and leaves the scratch zero.
#include "common.cuh"

constexpr uint32_t STATES = 8;  // that one block scores together

template <class T> __device__ void head_argmax(const HeadArgmaxArgs& args) {
    SHARED_BYTES(bytes);
    uint64_t* best = reinterpret_cast<uint64_t*>(bytes);  // [warps, STATES]
    uint32_t* last = reinterpret_cast<uint32_t*>(best + blockDim.x / WARP * STATES);  // [1]
    const uint32_t lane = threadIdx.x % WARP, warp = threadIdx.x / WARP;
    const uint32_t warps = blockDim.x / WARP;
    const uint32_t first = blockIdx.y * STATES;
    const uint32_t states = min(args.rows - first, STATES);
    const uint32_t width = args.width;
    const uint32_t words = (args.candidate_count + 31) / 32;
    const T* x = static_cast<const T*>(args.states) + uint64_t(first) * width;

    uint64_t kept[STATES];
#pragma unroll
    for (uint32_t s = 0; s < STATES; s++) kept[s] = 0;
    for (uint32_t c = blockIdx.x * warps + warp; c < args.candidate_count; c += gridDim.x * warps) {
        const uint32_t token = args.candidates[c];
        if (token >= args.vocabulary) continue;
        uint32_t wanted = 0;
#pragma unroll
        for (uint32_t s = 0; s < STATES; s++)
            if (s < states) {
                const bool yes = !args.allowed ||
                    (args.allowed[uint64_t(first + s) * words + c / 32] >> (c % 32) & 1);
                wanted |= uint32_t(yes) << s;
            }
        if (wanted == 0) continue;  // the same in all lanes
        const T* row = static_cast<const T*>(args.head) + uint64_t(token) * width;
        float sums[STATES];
#pragma unroll
        for (uint32_t s = 0; s < STATES; s++) sums[s] = 0.0f;
        if (width % PACK == 0) {
#pragma unroll 2
            for (uint32_t i = lane * PACK; i < width; i += WARP * PACK) {
                const Pack<T> weights = load_const(row + i);
#pragma unroll
                for (uint32_t s = 0; s < STATES; s++)
                    if (wanted >> s & 1)
                        sums[s] += dot(load_const(x + uint64_t(s) * width + i), weights);
            }
        } else {
            for (uint32_t i = lane; i < width; i += WARP)
#pragma unroll
                for (uint32_t s = 0; s < STATES; s++)
                    if (wanted >> s & 1)
                        sums[s] += to_float(x[uint64_t(s) * width + i]) * to_float(row[i]);
        }
#pragma unroll
        for (uint32_t s = 0; s < STATES; s++)
            if (wanted >> s & 1) {
                const uint64_t key = ranked(warp_sum(sums[s]), token);
                kept[s] = key > kept[s] ? key : kept[s];
            }
    }
    if (lane == 0)
#pragma unroll
        for (uint32_t s = 0; s < STATES; s++) best[warp * STATES + s] = kept[s];
    __syncthreads();
    if (threadIdx.x < states) {
        uint64_t key = 0;
        for (uint32_t w = 0; w < warps; w++) {
            const uint64_t other = best[w * STATES + threadIdx.x];
            key = other > key ? other : key;
        }
        if (key != 0)
            atomicMax(reinterpret_cast<unsigned long long*>(args.keys + first + threadIdx.x), key);
    }
    __threadfence();
    __syncthreads();
    if (threadIdx.x == 0) *last = atomicAdd(args.arrived + blockIdx.y, 1u) + 1 == gridDim.x;
    __syncthreads();
    if (!*last) return;
    __threadfence();
    if (threadIdx.x == 0) args.arrived[blockIdx.y] = 0;
    if (threadIdx.x < states) {
        const uint32_t state = first + threadIdx.x;
        const uint64_t key =
            atomicExch(reinterpret_cast<unsigned long long*>(args.keys + state), 0ull);
        args.tokens[state] = key == 0 ? NONE : ranked_id(key);
        args.scores[state] = key == 0 ? -INFINITY : ranked_score(key);
    }
}

KERNEL_OF_FLOATS(head_argmax, 256, HeadArgmaxArgs)
