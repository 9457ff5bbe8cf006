// Runs kernels on a CPU: fibers for threads, one block after another, or, for a cooperative launch,
// all blocks at once.
#include "cuda_host.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>

#include <memory>
#include <string>
#include <vector>

namespace host {
namespace {

constexpr size_t STACK_BYTES = 64 * 1024;
constexpr uint32_t FIBERS_MAX = 4096;
constexpr uint32_t SHARED_BYTES_MAX = 227 * 1024;  // of an H100's or H200's block
constexpr size_t FENCE_BYTES = 256;
constexpr uint64_t STACK_END = 0x5ca1ab1e0ddba11ull;
constexpr uint32_t LANES = 32;

struct Barrier {
    uint32_t expected = 0, arrived = 0;
    uint64_t generation = 0;
    bool any = false, any_before = false;
};

struct Warp {
    Barrier barrier;
    // Two, in turn: who writes the one again has passed a barrier after all have read it.
    uint64_t lanes[2][LANES];
};

struct Block {
    Barrier barrier;
    std::vector<Warp> warps;
    std::vector<unsigned char> shared;
    unsigned char* memory = nullptr;
};

struct Fiber {
    ucontext_t start;
    jmp_buf at;
    Place place;
    Block* block;
    uint32_t index;  // in the block
    bool started, done;
};

using Body = void (*)(const void*);

struct Machine {
    unsigned char* stacks = nullptr;
    std::unique_ptr<Fiber[]> fibers{new Fiber[FIBERS_MAX]};
    std::vector<std::unique_ptr<Block>> blocks;
    std::vector<uint32_t> order;
    Fiber* running = nullptr;
    Barrier grid;
    bool cooperative = false;
    jmp_buf scheduler;
    ucontext_t scheduler_context;
    Body body = nullptr;
    const void* args = nullptr;
    uint64_t progress = 0, random = 0;
    std::string failure;

    ~Machine() {
        if (stacks) munmap(stacks, STACK_BYTES * FIBERS_MAX);
    }
};

Machine& machine() {
    static thread_local Machine machine;
    return machine;
}

uint64_t random_next(Machine& m) {  // xorshift64*
    m.random ^= m.random >> 12;
    m.random ^= m.random << 25;
    m.random ^= m.random >> 27;
    return m.random * 0x2545f4914f6cdd1dull;
}

void shuffled(Machine& m, std::vector<uint32_t>& order, uint32_t count) {
    order.resize(count);
    for (uint32_t i = 0; i < count; i++) order[i] = i;
    for (uint32_t i = count; i > 1; i--) std::swap(order[i - 1], order[random_next(m) % i]);
}

void yield() {
    Machine& m = machine();
    if (_setjmp(m.running->at) == 0) _longjmp(m.scheduler, 1);
}

void wait(Barrier& barrier) {
    Machine& m = machine();
    m.progress++;
    const uint64_t generation = barrier.generation;
    if (++barrier.arrived == barrier.expected) {
        barrier.arrived = 0;
        barrier.any_before = barrier.any;
        barrier.any = false;
        barrier.generation++;
        return;
    }
    while (barrier.generation == generation) yield();
}

void run_fiber() {
    Machine& m = machine();
    m.body(m.args);
    m.running->done = true;
    m.progress++;
    _longjmp(m.scheduler, 1);
}

__attribute__((noinline)) void enter(Machine& m, Fiber& fiber) {
    if (_setjmp(m.scheduler) != 0) return;
    m.running = &fiber;
    if (fiber.started) _longjmp(fiber.at, 1);
    fiber.started = true;
    m.progress++;
    swapcontext(&m.scheduler_context, &fiber.start);
}

// Runs blocks `first..first + count` together.
void run_wave(Machine& m, uint32_t first, uint32_t count, Index grid, uint32_t threads,
              uint32_t shared_bytes) {
    const uint32_t total = count * threads;
    m.grid = Barrier();
    m.grid.expected = total;
    while (m.blocks.size() < count) m.blocks.emplace_back(new Block);
    for (uint32_t b = 0; b < count; b++) {
        Block& block = *m.blocks[b];
        block.barrier = Barrier();
        block.barrier.expected = threads;
        block.warps.assign(threads / LANES, Warp());
        for (Warp& warp : block.warps) warp.barrier.expected = LANES;
        block.shared.assign(shared_bytes + FENCE_BYTES + 16, 0xff);  // NaN in every float type
        block.memory = block.shared.data() + (16 - uintptr_t(block.shared.data()) % 16) % 16;
        const uint32_t at = first + b;
        const Index place{at % grid.x, at / grid.x % grid.y, at / grid.x / grid.y};
        for (uint32_t t = 0; t < threads; t++) {
            Fiber& fiber = m.fibers[b * threads + t];
            fiber.place = Place{{t, 0, 0}, place, {threads, 1, 1}, grid};
            fiber.block = &block;
            fiber.index = t;
            fiber.started = fiber.done = false;
            unsigned char* stack = m.stacks + STACK_BYTES * (b * threads + t);
            memcpy(stack, &STACK_END, sizeof STACK_END);
            getcontext(&fiber.start);
            fiber.start.uc_stack.ss_sp = stack + 16;
            fiber.start.uc_stack.ss_size = STACK_BYTES - 16;
            fiber.start.uc_link = nullptr;
            makecontext(&fiber.start, run_fiber, 0);
        }
    }
    shuffled(m, m.order, total);
    uint32_t live = total;
    while (live > 0 && m.failure.empty()) {
        const uint64_t before = m.progress;
        live = 0;
        for (uint32_t at : m.order) {
            Fiber& fiber = m.fibers[at];
            if (fiber.done) continue;
            enter(m, fiber);
            if (!m.failure.empty()) break;
            if (!fiber.done) live++;
        }
        if (live > 0 && m.progress == before && m.failure.empty())
            m.failure = "a barrier or shuffle is not reached by all threads that it waits for";
    }
    for (uint32_t b = 0; b < count && m.failure.empty(); b++)
        for (size_t i = 0; i < FENCE_BYTES; i++)
            if (m.blocks[b]->memory[shared_bytes + i] != 0xff)
                m.failure = "a write beyond the block's shared memory";
    for (uint32_t f = 0; f < total && m.failure.empty(); f++)
        if (memcmp(m.stacks + STACK_BYTES * f, &STACK_END, sizeof STACK_END) != 0)
            m.failure = "a thread's stack is too small";
}

}  // namespace

const Place& here() { return machine().running->place; }
void* shared_memory() { return machine().running->block->memory; }
void block_barrier() { wait(machine().running->block->barrier); }

bool block_barrier_or(bool mine) {
    Barrier& barrier = machine().running->block->barrier;
    barrier.any |= mine;
    wait(barrier);
    const bool any = barrier.any_before;
    wait(barrier);  // nobody overwrites the answer before all have it
    return any;
}

void warp_barrier() {
    Fiber& fiber = *machine().running;
    wait(fiber.block->warps[fiber.index / LANES].barrier);
}

void grid_barrier() {
    Machine& m = machine();
    if (!m.cooperative) misuse("a grid barrier outside a cooperative launch");
    wait(m.grid);
}

uint64_t exchange(uint32_t mask, uint64_t bits, uint32_t lane_xor) {
    if (mask != 0xffffffffu) misuse("a shuffle among some lanes only");
    Fiber& fiber = *machine().running;
    Warp& warp = fiber.block->warps[fiber.index / LANES];
    const uint32_t lane = fiber.index % LANES;
    uint64_t* const lanes = warp.lanes[warp.barrier.generation % 2];
    lanes[lane] = bits;
    wait(warp.barrier);
    return lanes[(lane ^ lane_xor) % LANES];
}

void misuse(const char* what) {
    Machine& m = machine();
    m.failure = what;
    _longjmp(m.scheduler, 1);
}

}  // namespace host

#include "../cuda/all.cu"

namespace {

struct Named {
    const char* name;
    size_t args_bytes;
    host::Body body;
};

#define ENTRY(name, Args) \
    {#name, sizeof(Args), [](const void* args) { name(*static_cast<const Args*>(args)); }},
const Named NAMED[] = {
#include "entries.h"
};
#undef ENTRY

void tell(const std::string& what, char* message, size_t message_bytes) {
    snprintf(message, message_bytes, "%s", what.c_str());
}

}  // namespace

// Runs `name` to its end. 0: it did; else `message` says what went wrong. `seed` orders blocks and
// threads. `cooperative` runs all blocks at once.
extern "C" int hyfunc_host_launch(const char* name, const void* args, size_t args_bytes,
                                  uint32_t grid_x, uint32_t grid_y, uint32_t grid_z,
                                  uint32_t threads, uint32_t shared_bytes, uint32_t cooperative,
                                  uint64_t seed, char* message, size_t message_bytes) {
    const Named* found = nullptr;
    for (const Named& named : NAMED)
        if (strcmp(named.name, name) == 0) found = &named;
    host::Machine& m = host::machine();
    m.failure.clear();
    const uint64_t blocks = uint64_t(grid_x) * grid_y * grid_z;
    const uint64_t together = cooperative ? blocks * threads : threads;
    if (!found) m.failure = std::string("there is no kernel ") + name;
    else if (found->args_bytes != args_bytes) m.failure = "args.h and args.rs differ in size";
    else if (threads == 0 || threads % host::LANES != 0 || threads > 1024)
        m.failure = "a block has 32 to 1024 threads, a multiple of 32";
    else if (blocks == 0 || blocks > UINT32_MAX) m.failure = "a grid has 1 to 2^32 - 1 blocks";
    else if (together > host::FIBERS_MAX)
        m.failure = "a cooperative launch on the host has at most 4096 threads";
    else if (shared_bytes > host::SHARED_BYTES_MAX)
        m.failure = "a block has at most 227 KiB of shared memory";
    if (m.failure.empty() && !m.stacks) {
        void* stacks = mmap(nullptr, host::STACK_BYTES * host::FIBERS_MAX, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (stacks == MAP_FAILED) m.failure = "no memory for the stacks of a block's threads";
        else m.stacks = static_cast<unsigned char*>(stacks);
    }
    if (m.failure.empty()) {
        m.body = found->body;
        m.args = args;
        m.cooperative = cooperative != 0;
        m.random = seed * 2 + 1;
        const host::Index grid{grid_x, grid_y, grid_z};
        if (cooperative) {
            host::run_wave(m, 0, uint32_t(blocks), grid, threads, shared_bytes);
        } else {
            std::vector<uint32_t> order;
            host::shuffled(m, order, uint32_t(blocks));
            for (uint32_t block : order) {
                if (!m.failure.empty()) break;
                host::run_wave(m, block, 1, grid, threads, shared_bytes);
            }
        }
    }
    if (m.failure.empty()) return 0;
    tell(m.failure, message, message_bytes);
    return 1;
}
