// CUDA's words for a C++ compiler, so that kernels run on a CPU as they are written.
//
// Every thread of a block is a fiber: it runs until it meets a barrier or a shuffle, then others
// do. Their order is shuffled, so that a missing barrier shows; a barrier that not all threads
// reach is an error and not a hang; shared memory is NaN before, and fenced. Atomics need no care:
// fibers of a launch share one thread of the machine.
#pragma once
#include <math.h>
#include <stdint.h>
#include <string.h>

#define __device__
#define __forceinline__ inline

struct alignas(16) uint4 {
    uint32_t x, y, z, w;
};

namespace host {

struct Index {
    uint32_t x, y, z;
};

struct Place {
    Index thread, block, block_size, grid_size;
};

const Place& here();
void* shared_memory();
void block_barrier();
bool block_barrier_or(bool mine);
void warp_barrier();
void grid_barrier();
// The value of another lane; `bits` of every lane are exchanged.
uint64_t exchange(uint32_t mask, uint64_t bits, uint32_t lane_xor);
[[noreturn]] void misuse(const char* what);

inline float widened(uint16_t bits) {  // f16 → f32, exact
    const uint32_t sign = uint32_t(bits & 0x8000) << 16;
    uint32_t exponent = bits >> 10 & 31, fraction = bits & 1023;
    uint32_t wide;
    if (exponent == 31) {
        wide = sign | 0x7f800000u | fraction << 13;
    } else if (exponent != 0) {
        wide = sign | (exponent + 112) << 23 | fraction << 13;
    } else if (fraction == 0) {
        wide = sign;
    } else {
        exponent = 113;
        while (!(fraction & 1024)) fraction <<= 1, exponent--;
        wide = sign | exponent << 23 | (fraction & 1023) << 13;
    }
    float x;
    memcpy(&x, &wide, sizeof x);
    return x;
}

inline uint16_t narrowed(float x) {  // f32 → f16, to nearest, ties to even
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    const uint16_t sign = uint16_t(bits >> 16 & 0x8000);
    bits &= 0x7fffffffu;
    if (bits > 0x7f800000u) return sign | 0x7e00;
    if (bits >= 0x477ff000u) return sign | 0x7c00;  // 65,520 and more
    const int32_t exponent = int32_t(bits >> 23) - 112;
    uint32_t fraction = (bits & 0x7fffffu) | 0x800000u;
    if (exponent < -10) return sign;
    const uint32_t shift = exponent > 0 ? 13 : uint32_t(14 - exponent);
    const uint32_t kept = fraction >> shift, rest = fraction & ((1u << shift) - 1);
    const uint32_t middle = 1u << (shift - 1);
    uint32_t out = exponent > 0 ? uint32_t(exponent - 1) << 10 : 0;
    out += kept;  // the leading one adds to the exponent
    if (rest > middle || (rest == middle && (kept & 1))) out++;
    return sign | uint16_t(out);
}

}  // namespace host

#define threadIdx (host::here().thread)
#define blockIdx (host::here().block)
#define blockDim (host::here().block_size)
#define gridDim (host::here().grid_size)
#define SHARED_BYTES(name) \
    unsigned char* const name = static_cast<unsigned char*>(host::shared_memory())
#define KERNEL(name, threads, Args) static void name(const Args args)

inline void __syncthreads() { host::block_barrier(); }
inline int __syncthreads_or(int mine) { return host::block_barrier_or(mine != 0); }
inline void __syncwarp() { host::warp_barrier(); }
inline void grid_sync() { host::grid_barrier(); }
inline void __threadfence() {}

inline float __shfl_xor_sync(uint32_t mask, float x, uint32_t lane) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    bits = uint32_t(host::exchange(mask, bits, lane));
    memcpy(&x, &bits, sizeof x);
    return x;
}

inline uint32_t atomicAdd(uint32_t* at, uint32_t more) {
    const uint32_t before = *at;
    *at = before + more;
    return before;
}

inline unsigned long long atomicMax(unsigned long long* at, unsigned long long other) {
    const unsigned long long before = *at;
    if (other > before) *at = other;
    return before;
}

inline unsigned long long atomicExch(unsigned long long* at, unsigned long long other) {
    const unsigned long long before = *at;
    *at = other;
    return before;
}

inline uint4 __ldg(const uint4* from) {
    if (reinterpret_cast<uintptr_t>(from) % 16 != 0) host::misuse("a 16-byte access is not aligned");
    return *from;
}

inline uint32_t __float_as_uint(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

inline float __uint_as_float(uint32_t bits) {
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

inline uint32_t min(uint32_t a, uint32_t b) { return a < b ? a : b; }

struct __half {
    uint16_t bits;
};

struct __nv_bfloat16 {
    uint16_t bits;
};

inline float __half2float(__half x) { return host::widened(x.bits); }
inline __half __float2half_rn(float x) { return __half{host::narrowed(x)}; }
inline float __bfloat162float(__nv_bfloat16 x) { return __uint_as_float(uint32_t(x.bits) << 16); }

inline __nv_bfloat16 __float2bfloat16_rn(float x) {  // to nearest, ties to even
    const uint32_t bits = __float_as_uint(x);
    if (x != x) return __nv_bfloat16{0x7fff};
    return __nv_bfloat16{uint16_t((bits + 0x7fff + (bits >> 16 & 1)) >> 16)};
}
