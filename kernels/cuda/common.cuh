// What all kernels share. Built by nvcc for a device, or by any C++17 compiler with the stand-in.
#pragma once
#ifdef HYFUNC_HOST
#include "../host/cuda_host.h"
#else
#include <cooperative_groups.h>
#include <cuda_bf16.h>
#include <cuda_fp16.h>
// The block's shared memory: always dynamic, so that the stand-in can poison and fence it.
#define SHARED_BYTES(name) extern __shared__ __align__(16) unsigned char name[]
#define KERNEL(name, threads, Args) \
    extern "C" __global__ void __launch_bounds__(threads, 1) name(const Args args)
__device__ inline void grid_sync() { cooperative_groups::this_grid().sync(); }
#endif
#include "args.h"

// One entry point for each element type.
#define KERNEL_OF_FLOATS(name, threads, Args)                \
    KERNEL(name##_f16, threads, Args) { name<__half>(args); } \
    KERNEL(name##_bf16, threads, Args) { name<__nv_bfloat16>(args); }

constexpr uint32_t WARP = 32;
constexpr uint32_t EVERY_LANE = 0xffffffffu;
constexpr uint32_t NONE = 0xffffffffu;
// Elements in a 16-byte access.
constexpr uint32_t PACK = 8;

__device__ __forceinline__ float to_float(__half x) { return __half2float(x); }
__device__ __forceinline__ float to_float(__nv_bfloat16 x) { return __bfloat162float(x); }
template <class T> __device__ __forceinline__ T rounded(float x);
template <> __device__ __forceinline__ __half rounded<__half>(float x) { return __float2half_rn(x); }
template <> __device__ __forceinline__ __nv_bfloat16 rounded<__nv_bfloat16>(float x) {
    return __float2bfloat16_rn(x);
}

__device__ __forceinline__ float silu(float x) { return x / (1.0f + expf(-x)); }

template <class T> union Pack {
    uint4 raw;
    T at[PACK];
    __device__ Pack() : raw() {}
};

// Weights and anything else that the kernel only reads.
template <class T> __device__ __forceinline__ Pack<T> load_const(const T* from) {
    Pack<T> pack;
    pack.raw = __ldg(reinterpret_cast<const uint4*>(from));
    return pack;
}

template <class T> __device__ __forceinline__ Pack<T> load(const T* from) {
    Pack<T> pack;
    pack.raw = *reinterpret_cast<const uint4*>(from);
    return pack;
}

template <class T> __device__ __forceinline__ void store(T* to, const Pack<T>& pack) {
    *reinterpret_cast<uint4*>(to) = pack.raw;
}

template <class T> __device__ __forceinline__ float dot(const Pack<T>& a, const Pack<T>& b) {
    float sum = 0.0f;
#pragma unroll
    for (uint32_t i = 0; i < PACK; i++) sum += to_float(a.at[i]) * to_float(b.at[i]);
    return sum;
}

template <class T> __device__ __forceinline__ float dot(const float* a, const Pack<T>& b) {
    float sum = 0.0f;
#pragma unroll
    for (uint32_t i = 0; i < PACK; i++) sum += a[i] * to_float(b.at[i]);
    return sum;
}

__device__ __forceinline__ float warp_sum(float x) {
#pragma unroll
    for (uint32_t lane = WARP / 2; lane > 0; lane /= 2) x += __shfl_xor_sync(EVERY_LANE, x, lane);
    return x;
}

__device__ __forceinline__ float warp_max(float x) {
#pragma unroll
    for (uint32_t lane = WARP / 2; lane > 0; lane /= 2)
        x = fmaxf(x, __shfl_xor_sync(EVERY_LANE, x, lane));
    return x;
}

// The sum over a block, for all its threads; `scratch` holds a float for each warp, and is free again
// after the next barrier.
__device__ __forceinline__ float block_sum(float x, float* scratch) {
    x = warp_sum(x);
    if (threadIdx.x % WARP == 0) scratch[threadIdx.x / WARP] = x;
    __syncthreads();
    float sum = 0.0f;
    for (uint32_t warp = 0; warp < blockDim.x / WARP; warp++) sum += scratch[warp];
    return sum;
}

// One warp's dot product of two rows in memory, for all its lanes. `width` of any size.
template <class T>
__device__ __forceinline__ float warp_dot(const float* x, const T* row, uint32_t width) {
    const uint32_t lane = threadIdx.x % WARP;
    float sum = 0.0f;
    if (width % PACK == 0) {
#pragma unroll 4
        for (uint32_t i = lane * PACK; i < width; i += WARP * PACK)
            sum += dot(x + i, load_const(row + i));
    } else {
        for (uint32_t i = lane; i < width; i += WARP) sum += x[i] * to_float(row[i]);
    }
    return warp_sum(sum);
}

// A score and an id as one number: greater is a higher score, then a smaller id. NaN is 0, and
// nothing else is; -0 counts as 0.
__device__ __forceinline__ uint64_t ranked(float score, uint32_t id) {
    if (score != score) return 0;
    const uint32_t bits = __float_as_uint(score + 0.0f);
    const uint32_t ordered = (bits >> 31) ? ~bits : bits | 0x80000000u;
    return (uint64_t(ordered) << 32) | uint32_t(~id);
}

__device__ __forceinline__ uint32_t ranked_id(uint64_t key) { return ~uint32_t(key); }

__device__ __forceinline__ float ranked_score(uint64_t key) {
    const uint32_t ordered = uint32_t(key >> 32);
    return __uint_as_float((ordered >> 31) ? ordered & 0x7fffffffu : ~ordered);
}
