// Residual add and RMSNorm in one pass.
//
// Floor: 8 · rows · width + 2 · width bytes (branch, residual in, residual out, out; the weight
// once); 4 · rows · width FLOPs. Never bound by arithmetic.
//
// The residual is rounded to its type before the norm reads it, as two separate operations would.
#include "common.cuh"

template <class T> __device__ void add_rms_norm(const AddRmsNormArgs& args) {
    SHARED_BYTES(bytes);
    float* kept = reinterpret_cast<float*>(bytes);  // [width]
    float* scratch = kept + args.width;             // [warps]
    const uint64_t at = uint64_t(blockIdx.x) * args.width;
    const T* branch = args.branch ? static_cast<const T*>(args.branch) + at : nullptr;
    const T* weight = static_cast<const T*>(args.weight);
    T* residual = static_cast<T*>(args.residual) + at;
    T* out = static_cast<T*>(args.out) + at;
    const bool packed = args.width % PACK == 0;

    float squares = 0.0f;
    if (packed) {
        for (uint32_t i = threadIdx.x * PACK; i < args.width; i += blockDim.x * PACK) {
            Pack<T> sum = load(residual + i);
            if (branch) {
                const Pack<T> more = load_const(branch + i);
#pragma unroll
                for (uint32_t j = 0; j < PACK; j++)
                    sum.at[j] = rounded<T>(to_float(sum.at[j]) + to_float(more.at[j]));
                store(residual + i, sum);
            }
#pragma unroll
            for (uint32_t j = 0; j < PACK; j++) {
                const float x = to_float(sum.at[j]);
                kept[i + j] = x;
                squares += x * x;
            }
        }
    } else {
        for (uint32_t i = threadIdx.x; i < args.width; i += blockDim.x) {
            T sum = residual[i];
            if (branch) {
                sum = rounded<T>(to_float(sum) + to_float(branch[i]));
                residual[i] = sum;
            }
            const float x = to_float(sum);
            kept[i] = x;
            squares += x * x;
        }
    }
    const float mean = block_sum(squares, scratch) / float(args.width);
    const float scale = 1.0f / sqrtf(mean + args.epsilon);
    // Every thread reads back what it kept itself.
    if (packed) {
        for (uint32_t i = threadIdx.x * PACK; i < args.width; i += blockDim.x * PACK) {
            const Pack<T> factor = load_const(weight + i);
            Pack<T> normed;
#pragma unroll
            for (uint32_t j = 0; j < PACK; j++)
                normed.at[j] = rounded<T>(kept[i + j] * scale * to_float(factor.at[j]));
            store(out + i, normed);
        }
    } else {
        for (uint32_t i = threadIdx.x; i < args.width; i += blockDim.x)
            out[i] = rounded<T>(kept[i] * scale * to_float(weight[i]));
    }
}

KERNEL_OF_FLOATS(add_rms_norm, 256, AddRmsNormArgs)
