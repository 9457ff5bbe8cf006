// SwiGLU: SiLU of the gate times what it gates.
//
// Floor: 6 · rows · width bytes (gate, up, out); about 10 · rows · width FLOPs.
#include "common.cuh"

template <class T> __device__ void swiglu(const SwigluArgs& args) {
    const uint64_t step = uint64_t(gridDim.x) * blockDim.x;
    const uint64_t first = uint64_t(blockIdx.x) * blockDim.x + threadIdx.x;
    const T* gate_up = static_cast<const T*>(args.gate_up);
    T* out = static_cast<T*>(args.out);
    const uint64_t total = uint64_t(args.rows) * args.width;
    if (args.width % PACK == 0) {
        for (uint64_t i = first * PACK; i < total; i += step * PACK) {
            const uint64_t gate_at = i + i / args.width * args.width;
            const Pack<T> gate = load_const(gate_up + gate_at);
            const Pack<T> up = load_const(gate_up + gate_at + args.width);
            Pack<T> gated;
#pragma unroll
            for (uint32_t j = 0; j < PACK; j++)
                gated.at[j] = rounded<T>(silu(to_float(gate.at[j])) * to_float(up.at[j]));
            store(out + i, gated);
        }
    } else {
        for (uint64_t i = first; i < total; i += step) {
            const uint64_t gate_at = i + i / args.width * args.width;
            const float gate = to_float(gate_up[gate_at]);
            out[i] = rounded<T>(silu(gate) * to_float(gate_up[gate_at + args.width]));
        }
    }
}

KERNEL_OF_FLOATS(swiglu, 256, SwigluArgs)
