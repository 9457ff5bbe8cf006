// The soft token's way from the large model into the small one's input: norm, projection, and the
// row of the step's input where it belongs; and the rows of ordinary tokens beside it.
//
// Floor of soft_project: 2 · width_out · width_in bytes of the projection for each state, and
// 2 · rows · (2 · width_in + width_out) more; 2 · rows · width_out · width_in FLOPs. Every block
// computes the norm for itself: that is cheaper than a second launch.
// Floor of embed: 4 · rows · width bytes.
//
// A projector of two layers is two launches, the first with SiLU and without insertion
// (targets 0, 1, 2, …), the second without a norm.
#include "common.cuh"

template <class T> __device__ void soft_project(const SoftProjectArgs& args) {
    SHARED_BYTES(bytes);
    float* state = reinterpret_cast<float*>(bytes);  // [width_in]
    float* scratch = state + (args.width_in + 3) / 4 * 4;  // [warps]
    const uint32_t warps = blockDim.x / WARP;
    const T* from = static_cast<const T*>(args.states) + uint64_t(blockIdx.y) * args.width_in;
    const T* norm = static_cast<const T*>(args.norm);
    float squares = 0.0f;
    for (uint32_t i = threadIdx.x; i < args.width_in; i += blockDim.x) {
        const float x = to_float(from[i]);
        squares += x * x;
        state[i] = norm ? x * to_float(norm[i]) : x;
    }
    // Also the barrier before other threads' states are read.
    const float mean = block_sum(squares, scratch) / float(args.width_in);
    const float scale = norm ? 1.0f / sqrtf(mean + args.epsilon) : 1.0f;

    const uint32_t column = blockIdx.x * warps + threadIdx.x / WARP;
    const int32_t target = args.targets[blockIdx.y];
    if (column >= args.width_out || target < 0 || uint32_t(target) >= args.out_rows) return;
    const T* row = static_cast<const T*>(args.projection) + uint64_t(column) * args.width_in;
    const float projected = warp_dot(state, row, args.width_in) * scale;
    if (threadIdx.x % WARP == 0)
        static_cast<T*>(args.out)[uint64_t(target) * args.width_out + column] =
            rounded<T>(args.silu ? silu(projected) : projected);
}

template <class T> __device__ void embed(const EmbedArgs& args) {
    const uint32_t token = args.tokens[blockIdx.x];
    if (token >= args.vocabulary) return;
    const T* from = static_cast<const T*>(args.table) + uint64_t(token) * args.width;
    T* to = static_cast<T*>(args.out) + uint64_t(blockIdx.x) * args.width;
    if (args.width % PACK == 0) {
        for (uint32_t i = threadIdx.x * PACK; i < args.width; i += blockDim.x * PACK)
            store(to + i, load_const(from + i));
    } else {
        for (uint32_t i = threadIdx.x; i < args.width; i += blockDim.x) to[i] = from[i];
    }
}

KERNEL_OF_FLOATS(soft_project, 256, SoftProjectArgs)
KERNEL_OF_FLOATS(embed, 128, EmbedArgs)
