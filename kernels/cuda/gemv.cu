// y = x · Wᵀ: one warp for each row of W and up to 8 rows of x, f32 sums. A row's answer does not
// depend on how many rows there are.
//
// Floor: 2 · width_out · width_in bytes of weights, read once for all rows of x, and
// 2 · rows · (width_in + width_out) more; 2 · rows · width_out · width_in FLOPs.
// More rows go 8 at a time: blocks that read the same weights follow each other, so that all but
// the first find them in the L2 cache. From some tens of rows on, tensor cores would win.
#include "common.cuh"

// Loads in flight before the first use: 16 bytes a lane each.
constexpr uint32_t AHEAD = 4;

template <class T, uint32_t ROWS> __device__ void gemv(const GemvArgs& args) {
    const uint32_t lane = threadIdx.x % WARP;
    const uint32_t column = blockIdx.y * (blockDim.x / WARP) + threadIdx.x / WARP;
    if (column >= args.width_out) return;
    const uint32_t first = blockIdx.x * ROWS;
    const uint32_t rows = min(args.rows - first, ROWS);
    const T* x = static_cast<const T*>(args.x) + uint64_t(first) * args.width_in;
    const T* weights = static_cast<const T*>(args.weights) + uint64_t(column) * args.width_in;
    const uint32_t width = args.width_in;
    float sums[ROWS];
#pragma unroll
    for (uint32_t row = 0; row < ROWS; row++) sums[row] = 0.0f;

    if (width % PACK == 0) {
        for (uint32_t i = lane * PACK; i < width; i += AHEAD * WARP * PACK) {
            Pack<T> ahead[AHEAD];
#pragma unroll
            for (uint32_t j = 0; j < AHEAD; j++)
                if (i + j * WARP * PACK < width)
                    ahead[j] = load_const(weights + i + j * WARP * PACK);
#pragma unroll
            for (uint32_t j = 0; j < AHEAD; j++) {
                const uint32_t from = i + j * WARP * PACK;
                if (from >= width) continue;
#pragma unroll
                for (uint32_t row = 0; row < ROWS; row++)
                    if (row < rows)
                        sums[row] += dot(load_const(x + uint64_t(row) * width + from), ahead[j]);
            }
        }
    } else {
        for (uint32_t i = lane; i < width; i += WARP) {
            const float weight = to_float(weights[i]);
#pragma unroll
            for (uint32_t row = 0; row < ROWS; row++)
                if (row < rows) sums[row] += to_float(x[uint64_t(row) * width + i]) * weight;
        }
    }
#pragma unroll
    for (uint32_t row = 0; row < ROWS; row++) {
        const float sum = warp_sum(sums[row]);
        if (lane != 0 || row >= rows) continue;
        const uint64_t at = uint64_t(first + row) * args.width_out + column;
        if (args.wide) static_cast<float*>(args.out)[at] = sum;
        else static_cast<T*>(args.out)[at] = rounded<T>(sum);
    }
}

template <class T> __device__ void gemv_1(const GemvArgs& args) { gemv<T, 1>(args); }
template <class T> __device__ void gemv_2(const GemvArgs& args) { gemv<T, 2>(args); }
template <class T> __device__ void gemv_4(const GemvArgs& args) { gemv<T, 4>(args); }
template <class T> __device__ void gemv_8(const GemvArgs& args) { gemv<T, 8>(args); }
KERNEL_OF_FLOATS(gemv_1, 256, GemvArgs)
KERNEL_OF_FLOATS(gemv_2, 256, GemvArgs)
KERNEL_OF_FLOATS(gemv_4, 256, GemvArgs)
KERNEL_OF_FLOATS(gemv_8, 256, GemvArgs)
