// SwiGLU: SiLU of the gate times what it gates.
//
// Floor: 6 · rows · width bytes (gate, up, out); about 10 · rows · width FLOPs.
#include "common.cuh"

template <class T> __device__ void swiglu(const SwigluArgs& args) {
    const uint64_t row = blockIdx.x;
    const uint32_t first = blockIdx.y * blockDim.x + threadIdx.x, step = gridDim.y * blockDim.x;
    const T* gates = static_cast<const T*>(args.gate_up) + row * 2 * args.width;
    const T* ups = gates + args.width;
    T* out = static_cast<T*>(args.out) + row * args.width;
    if (args.width % PACK == 0) {
        for (uint32_t i = first * PACK; i < args.width; i += step * PACK) {
            const Pack<T> gate = load_const(gates + i);
            const Pack<T> up = load_const(ups + i);
            Pack<T> gated;
#pragma unroll
            for (uint32_t j = 0; j < PACK; j++)
                gated.at[j] = rounded<T>(silu(to_float(gate.at[j])) * to_float(up.at[j]));
            store(out + i, gated);
        }
    } else {
        for (uint32_t i = first; i < args.width; i += step)
            out[i] = rounded<T>(silu(to_float(gates[i])) * to_float(ups[i]));
    }
}

KERNEL_OF_FLOATS(swiglu, 256, SwigluArgs)
