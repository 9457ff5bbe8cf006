// The next step's metadata from this step's tokens, so that steps run without the host.
//
// Floor: about 64 bytes a row: the launch is the cost.
//
// Each row is one branch, and one token a step. The token that was fed in is in the cache now. A
// row ends at a stop token, at NONE, when its length is reached, or when its next page is not among
// `entries`; then its input is NONE, its slot -1, and its lengths stay. Histories of ended rows are
// NONE.
#include "common.cuh"

__device__ __forceinline__ bool stops(const AdvanceArgs& args, uint32_t row, uint32_t token) {
    if (token == NONE) return true;
    for (uint32_t i = 0; i < args.stop_width; i++)
        if (args.stops[uint64_t(row) * args.stop_width + i] == token) return true;
    return false;
}

__device__ __forceinline__ void advance_row(const AdvanceArgs& args, uint32_t row) {
    const uint32_t token = args.sampled[row];
    const bool ended = args.done[row] != 0;
    if (args.step < args.steps)
        args.history[uint64_t(args.step) * args.rows + row] = ended ? NONE : token;
    const uint32_t length = args.lengths[row];
    const uint64_t entry = uint64_t(args.first_entry[row]) + length / args.page_tokens;
    if (ended || stops(args, row, token) || length >= args.lengths_max[row] ||
        entry >= args.entry_count) {
        args.done[row] = 1;
        args.tokens[row] = NONE;
        args.token_slots[row] = -1;
        return;
    }
    const uint32_t offset = length % args.page_tokens;
    args.tokens[row] = token;
    args.lengths[row] = length + 1;
    args.token_positions[row] += 1;
    args.token_slots[row] = args.entries[entry].page * int32_t(args.page_tokens) + int32_t(offset);
    args.entries[entry].count = int32_t(offset) + 1;
    args.sights[row].limit += 1;
    atomicAdd(args.live, 1u);
}

KERNEL(advance, 128, AdvanceArgs) {
    // One block: the count of live rows begins at zero without another launch.
    if (threadIdx.x == 0) *args.live = 0;
    __syncthreads();
    for (uint32_t row = threadIdx.x; row < args.rows; row += blockDim.x) advance_row(args, row);
}
