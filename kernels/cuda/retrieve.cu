// The k functions nearest to a state: projection, length 1, every row of the index, the k best, in
// one cooperative launch.
//
// Floor: 2 · width · (width_in + count) bytes (projection and index once) and 8 · blocks · k of
// candidates, written and read; 2 · width · (width_in + count) FLOPs.
//
// Best first; of equal scores the smaller id. NaN is never among them. A state that projects to
// zero scores 0 everywhere.
#include "common.cuh"

constexpr uint32_t KEYS = 1024;  // sorted at once

// Sorts keys[0..size], greatest first; size is a power of 2.
__device__ __forceinline__ void sort_descending(uint64_t* keys, uint32_t size) {
    for (uint32_t run = 2; run <= size; run *= 2)
        for (uint32_t gap = run / 2; gap > 0; gap /= 2) {
            for (uint32_t i = threadIdx.x; i < size; i += blockDim.x) {
                const uint32_t other = i ^ gap;
                if (other > i) {
                    const uint64_t a = keys[i], b = keys[other];
                    const bool descending = (i & run) == 0;
                    if (descending ? a < b : a > b) {
                        keys[i] = b;
                        keys[other] = a;
                    }
                }
            }
            __syncthreads();
        }
}

// Fills keys[used..] up to a power of 2 with nothing, and sorts.
__device__ __forceinline__ void settle(uint64_t* keys, uint32_t used) {
    uint32_t size = 1;
    while (size < used) size *= 2;
    for (uint32_t i = used + threadIdx.x; i < size; i += blockDim.x) keys[i] = 0;
    __syncthreads();
    sort_descending(keys, size);
}

template <class T> __device__ void retrieve(const RetrieveArgs& args) {
    SHARED_BYTES(bytes);
    uint64_t* keys = reinterpret_cast<uint64_t*>(bytes);   // [KEYS]
    float* query = reinterpret_cast<float*>(keys + KEYS);  // [the wider of both widths]
    const uint32_t wider = args.width > args.width_in ? args.width : args.width_in;
    float* scratch = query + (wider + 3) / 4 * 4;          // [warps]
    const uint32_t lane = threadIdx.x % WARP, warp = threadIdx.x / WARP;
    const uint32_t warps = blockDim.x / WARP, k = args.k;

    for (uint32_t i = threadIdx.x; i < args.width_in; i += blockDim.x)
        query[i] = to_float(static_cast<const T*>(args.state)[i]);
    __syncthreads();
    for (uint32_t i = blockIdx.x * warps + warp; i < args.width; i += gridDim.x * warps) {
        const T* row = static_cast<const T*>(args.projection) + uint64_t(i) * args.width_in;
        const float sum = warp_dot(query, row, args.width_in);
        if (lane == 0) args.projected[i] = sum;
    }
    grid_sync();
    float squares = 0.0f;
    for (uint32_t i = threadIdx.x; i < args.width; i += blockDim.x) {
        const float x = args.projected[i];
        query[i] = x;
        squares += x * x;
    }
    const float length = sqrtf(block_sum(squares, scratch));
    const float scale = length == 0.0f ? 0.0f : 1.0f / length;

    const uint32_t share = (args.count + gridDim.x - 1) / gridDim.x;
    const uint64_t begin = uint64_t(blockIdx.x) * share;
    const uint64_t end = begin + share < args.count ? begin + share : args.count;
    for (uint32_t i = threadIdx.x; i < k; i += blockDim.x) keys[i] = 0;
    for (uint64_t from = begin; from < end; from += KEYS - k) {
        const uint32_t rows = uint32_t(end - from < KEYS - k ? end - from : KEYS - k);
        for (uint32_t r = warp; r < rows; r += warps) {
            const T* row = static_cast<const T*>(args.index) + (from + r) * args.width;
            const float score = warp_dot(query, row, args.width) * scale;
            if (lane == 0) keys[k + r] = ranked(score, uint32_t(from + r));
        }
        __syncthreads();
        settle(keys, k + rows);
    }
    __syncthreads();
    for (uint32_t i = threadIdx.x; i < k; i += blockDim.x)
        args.best[uint64_t(blockIdx.x) * k + i] = keys[i];
    grid_sync();
    if (blockIdx.x != 0) return;

    const uint32_t total = gridDim.x * k;
    for (uint32_t i = threadIdx.x; i < k; i += blockDim.x) keys[i] = 0;
    for (uint32_t from = 0; from < total; from += KEYS - k) {
        const uint32_t found = min(total - from, KEYS - k);
        for (uint32_t i = threadIdx.x; i < found; i += blockDim.x)
            keys[k + i] = args.best[from + i];
        __syncthreads();
        settle(keys, k + found);
    }
    for (uint32_t i = threadIdx.x; i < k; i += blockDim.x) {
        args.ids[i] = keys[i] == 0 ? NONE : ranked_id(keys[i]);
        args.scores[i] = keys[i] == 0 ? -INFINITY : ranked_score(keys[i]);
    }
}

KERNEL_OF_FLOATS(retrieve, 256, RetrieveArgs)
