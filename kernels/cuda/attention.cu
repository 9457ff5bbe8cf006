// Attention of ragged rows over paged keys and values.
//
// A row is some query tokens and a list of pages, in any order and shared with any other row:
// instruction and schema blocks, the request, branches. What a query sees is its `Sight`: causal
// order is a limit that grows by one a token, bidirectional reading is one limit for all, branches
// see what is shared and themselves. A query that sees nothing has zeros.
//
// Floor: every page once for each row and tile of 16 queries that sees it, 4 · tokens · heads_kv ·
// width bytes, and 4 · queries · heads · width of queries and answers; 4 · heads · width FLOPs a
// visible pair. Queries of one group of heads share a tile, so that grouped heads read a page once.
//
// With splits > 1, blocks share a row's pages and `attention_merge` joins them.
#include "common.cuh"

constexpr uint32_t TILE = 16;       // queries of a block
constexpr uint32_t SHARERS = 8;     // threads that reduce one query's scores
constexpr uint32_t THREADS = TILE * SHARERS;
constexpr uint32_t WIDTH_MAX = 256;
constexpr uint32_t OWNED = WIDTH_MAX / THREADS;  // dimensions of a thread

__device__ __forceinline__ bool sees(const Sight& sight, const Entry& entry, int32_t order) {
    return order < sight.limit && (entry.branch == 0 || entry.branch == sight.branch);
}

template <class T> __device__ void attention(const AttentionArgs& args) {
    SHARED_BYTES(bytes);
    const uint32_t width = args.width, stride = width + PACK;  // the pad spreads banks
    float* queries = reinterpret_cast<float*>(bytes);                // [TILE, width]
    float* scores = queries + TILE * width;                          // [TILE, page_tokens]
    float* maxima = scores + TILE * args.page_tokens;                // [TILE]
    float* sums = maxima + TILE;                                     // [TILE]
    float* factors = sums + TILE;                                    // [TILE]
    Sight* sights = reinterpret_cast<Sight*>(factors + TILE);        // [TILE]
    T* keys = reinterpret_cast<T*>(sights + TILE);                   // [page_tokens, stride]
    T* values = keys + args.page_tokens * stride;                    // [page_tokens, width]

    const uint32_t thread = threadIdx.x;
    const uint32_t row = blockIdx.x / args.tiles, tile = blockIdx.x % args.tiles;
    const uint32_t head_kv = blockIdx.y, split = blockIdx.z;
    const uint32_t group = args.heads / args.heads_kv;
    const uint32_t token_end = min(args.row_tokens[row + 1], args.tokens);
    const uint32_t token_begin = min(args.row_tokens[row], token_end);
    const uint64_t pairs = uint64_t(token_end - token_begin) * group;
    const uint64_t first = uint64_t(tile) * TILE;
    if (first >= pairs) return;
    const uint32_t count = uint32_t(pairs - first < TILE ? pairs - first : TILE);

    for (uint32_t i = thread; i < count * width; i += THREADS) {
        const uint64_t pair = first + i / width;
        const uint64_t token = token_begin + pair / group, head = head_kv * group + pair % group;
        queries[i] = to_float(static_cast<const T*>(
            args.queries)[(token * args.heads + head) * width + i % width]) * args.scale;
    }
    if (thread < TILE) {
        Sight none;
        none.limit = 0;
        none.branch = 0;
        sights[thread] =
            thread < count ? args.sights[token_begin + (first + thread) / group] : none;
        maxima[thread] = -INFINITY;
        sums[thread] = 0.0f;
        factors[thread] = 1.0f;
    }
    float answers[OWNED][TILE];
#pragma unroll
    for (uint32_t o = 0; o < OWNED; o++)
#pragma unroll
        for (uint32_t q = 0; q < TILE; q++) answers[o][q] = 0.0f;
    __syncthreads();

    const uint32_t entry_end = min(args.row_entries[row + 1], args.entry_count);
    const uint32_t entry_begin = min(args.row_entries[row], entry_end);
    const uint32_t share = (entry_end - entry_begin + args.splits - 1) / args.splits;
    const uint32_t from = min(entry_begin + split * share, entry_end);
    const uint32_t to = min(from + share, entry_end);
    for (uint32_t e = from; e < to; e++) {
        const Entry entry = args.entries[e];
        const bool held = entry.page >= 0 && uint32_t(entry.page) < args.pages && entry.count > 0;
        const bool wanted = held && thread < TILE && sees(sights[thread], entry, entry.start);
        // Also the barrier before the staged page is overwritten.
        if (!__syncthreads_or(wanted)) continue;
        const uint32_t tokens = min(uint32_t(entry.count), args.page_tokens);
        const uint64_t page =
            (uint64_t(entry.page) * args.heads_kv + head_kv) * args.page_tokens * width;
        for (uint32_t i = thread * PACK; i < tokens * width; i += THREADS * PACK) {
            store(keys + i / width * stride + i % width,
                  load(static_cast<const T*>(args.keys) + page + i));
            store(values + i, load(static_cast<const T*>(args.values) + page + i));
        }
        __syncthreads();
        for (uint32_t i = thread; i < count * tokens; i += THREADS) {
            const uint32_t q = i / tokens, t = i % tokens;
            float score = -INFINITY;
            if (sees(sights[q], entry, entry.start + int32_t(t))) {
                score = 0.0f;
                for (uint32_t d = 0; d < width; d += PACK)
                    score += dot(queries + q * width + d, load(keys + t * stride + d));
            }
            scores[q * args.page_tokens + t] = score;
        }
        __syncthreads();
        {
            const uint32_t q = thread / SHARERS, part = thread % SHARERS;
            const uint32_t mine = q < count ? tokens : 0;
            const float before = maxima[q];
            float most = before;
            for (uint32_t t = part; t < mine; t += SHARERS)
                most = fmaxf(most, scores[q * args.page_tokens + t]);
#pragma unroll
            for (uint32_t lane = SHARERS / 2; lane > 0; lane /= 2)
                most = fmaxf(most, __shfl_xor_sync(EVERY_LANE, most, lane));
            float sum = 0.0f;
            for (uint32_t t = part; t < mine; t += SHARERS) {
                const float score = scores[q * args.page_tokens + t];
                // -∞ - -∞ would be NaN: nothing was seen yet.
                const float weight = score == -INFINITY ? 0.0f : expf(score - most);
                scores[q * args.page_tokens + t] = weight;
                sum += weight;
            }
#pragma unroll
            for (uint32_t lane = SHARERS / 2; lane > 0; lane /= 2)
                sum += __shfl_xor_sync(EVERY_LANE, sum, lane);
            __syncwarp();
            if (part == 0) {
                const float factor = before == -INFINITY ? 0.0f : expf(before - most);
                maxima[q] = most;
                sums[q] = sums[q] * factor + sum;
                factors[q] = factor;
            }
        }
        __syncthreads();
#pragma unroll
        for (uint32_t o = 0; o < OWNED; o++) {
            const uint32_t d = thread + o * THREADS;
            if (d >= width) continue;
#pragma unroll
            for (uint32_t q = 0; q < TILE; q++) answers[o][q] *= factors[q];
            for (uint32_t t = 0; t < tokens; t++) {
                const float value = to_float(values[t * width + d]);
                // Rows of `scores` beyond `count` were never written.
#pragma unroll
                for (uint32_t q = 0; q < TILE; q++)
                    if (q < count) answers[o][q] += scores[q * args.page_tokens + t] * value;
            }
        }
    }
    __syncthreads();

#pragma unroll
    for (uint32_t q = 0; q < TILE; q++) {
        if (q >= count) continue;
        const uint64_t token = token_begin + (first + q) / group;
        const uint64_t vector = token * args.heads + head_kv * group + (first + q) % group;
        if (args.splits == 1) {
            const float sum = sums[q];
#pragma unroll
            for (uint32_t o = 0; o < OWNED; o++) {
                const uint32_t d = thread + o * THREADS;
                if (d < width)
                    static_cast<T*>(args.out)[vector * width + d] =
                        rounded<T>(maxima[q] == -INFINITY ? 0.0f : answers[o][q] / sum);
            }
        } else {
            float* part = args.partial +
                (uint64_t(split) * args.tokens * args.heads + vector) * (width + 2);
#pragma unroll
            for (uint32_t o = 0; o < OWNED; o++) {
                const uint32_t d = thread + o * THREADS;
                if (d < width) part[d] = answers[o][q];
            }
            if (thread == 0) {
                part[width] = maxima[q];
                part[width + 1] = sums[q];
            }
        }
    }
}

// Joins the splits: one warp for each head of each token.
//
// Floor: 4 · splits · tokens · heads · (width + 2) bytes read, 2 · tokens · heads · width written.
template <class T> __device__ void attention_merge(const AttentionArgs& args) {
    const uint32_t lane = threadIdx.x % WARP;
    const uint64_t vectors = uint64_t(args.tokens) * args.heads;
    const uint64_t vector = uint64_t(blockIdx.x) * (blockDim.x / WARP) + threadIdx.x / WARP;
    if (vector >= vectors) return;
    const uint64_t stride = vectors * (args.width + 2);
    const float* part = args.partial + vector * (args.width + 2);
    float most = -INFINITY;
    for (uint32_t s = 0; s < args.splits; s++) most = fmaxf(most, part[s * stride + args.width]);
    float sum = 0.0f;
    for (uint32_t s = 0; s < args.splits; s++) {
        const float other = part[s * stride + args.width];
        if (other != -INFINITY) sum += part[s * stride + args.width + 1] * expf(other - most);
    }
    for (uint32_t d = lane; d < args.width; d += WARP) {
        float answer = 0.0f;
        for (uint32_t s = 0; s < args.splits; s++) {
            const float other = part[s * stride + args.width];
            if (other != -INFINITY) answer += part[s * stride + d] * expf(other - most);
        }
        static_cast<T*>(args.out)[vector * args.width + d] =
            rounded<T>(most == -INFINITY ? 0.0f : answer / sum);
    }
}

KERNEL_OF_FLOATS(attention, 128, AttentionArgs)
KERNEL_OF_FLOATS(attention_merge, 128, AttentionArgs)
