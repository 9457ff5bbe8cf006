// What each kernel is given, by value. `src/args.rs` holds the same structs; a launch on the host
// compares their sizes. Addresses are 16-byte aligned wherever a width is a multiple of 8.
#pragma once
#include <stdint.h>

struct AddRmsNormArgs {
    const void* branch;  // [rows, width], or null: nothing is added
    void* residual;      // [rows, width], in and out
    const void* weight;  // [width]
    void* out;           // [rows, width]
    uint32_t rows;
    uint32_t width;
    float epsilon;
    uint32_t unused;
};

struct SwigluArgs {
    const void* gate_up;  // [rows, 2 · width]: the gate, then what it gates
    void* out;            // [rows, width]
    uint32_t rows;
    uint32_t width;
};

struct GemvArgs {
    const void* x;        // [rows, width_in]
    const void* weights;  // [width_out, width_in]
    void* out;            // [rows, width_out]
    uint32_t rows;
    uint32_t width_in;
    uint32_t width_out;
    uint32_t wide;  // 1: out is f32
};

struct HeadArgmaxArgs {
    const void* states;          // [rows, width]
    const void* head;            // [vocabulary, width]
    const uint32_t* candidates;  // [candidates]: rows of the head
    const uint32_t* allowed;     // [rows, ⌈candidates / 32⌉] bits, or null: all are allowed
    uint64_t* keys;              // [rows], zero before and after
    uint32_t* arrived;           // [⌈rows / 8⌉], zero before and after
    uint32_t* tokens;            // [rows]: the best token, or NONE
    float* scores;               // [rows]: its score, or -∞
    uint32_t rows;
    uint32_t width;
    uint32_t vocabulary;
    uint32_t candidate_count;
};

struct RotaryWriteArgs {
    const void* projected;       // [tokens, heads + 2 · heads_kv, width]: queries, keys, values
    const void* query_norm;      // [width], or null: no norm
    const void* key_norm;        // [width], or null: no norm
    const void* bias;            // [heads + 2 · heads_kv, width], or null: nothing is added
    const float* cosines;        // [positions, width / 2]
    const float* sines;          // [positions, width / 2]
    const int32_t* token_positions;  // [tokens]
    const int32_t* token_slots;  // [tokens]: page · page_tokens + offset, or negative: not kept
    void* queries;               // [tokens, heads, width]
    void* keys;                  // [pages, heads_kv, page_tokens, width]
    void* values;                // [pages, heads_kv, page_tokens, width]
    uint32_t tokens;
    uint32_t heads;
    uint32_t heads_kv;
    uint32_t width;
    uint32_t positions;
    uint32_t pages;
    uint32_t page_tokens;
    float epsilon;
};

// A page in the list of a row.
struct alignas(16) Entry {
    int32_t page;
    int32_t count;   // tokens of the page that hold anything
    int32_t start;   // order of its first token in the row
    int32_t branch;  // 0: every query sees it; else queries of that branch alone
};

// What one query token sees: tokens of order < limit, on pages of branch 0 or its own.
struct alignas(8) Sight {
    int32_t limit;
    int32_t branch;
};

struct AttentionArgs {
    const void* queries;          // [tokens, heads, width]
    const void* keys;             // [pages, heads_kv, page_tokens, width]
    const void* values;           // [pages, heads_kv, page_tokens, width]
    const uint32_t* row_tokens;   // [rows + 1]: row r has tokens row_tokens[r]..row_tokens[r + 1]
    const uint32_t* row_entries;  // [rows + 1]: and so its entries
    const Entry* entries;         // [entries]
    const Sight* sights;          // [tokens]
    void* out;                    // [tokens, heads, width]
    float* partial;               // [splits, tokens, heads, width + 2], or null where splits = 1
    uint32_t rows;
    uint32_t tiles;  // of 16 queries of a row, as many as the longest row needs
    uint32_t tokens;
    uint32_t heads;
    uint32_t heads_kv;
    uint32_t width;
    uint32_t pages;
    uint32_t page_tokens;
    uint32_t entry_count;
    uint32_t splits;
    float scale;
    uint32_t unused;
};

struct SoftProjectArgs {
    const void* states;      // [rows, width_in]
    const void* norm;        // [width_in], or null: no norm
    const void* projection;  // [width_out, width_in]
    const int32_t* targets;  // [rows]: where in `out`; beyond it: nowhere
    void* out;               // [out_rows, width_out]
    uint32_t rows;
    uint32_t width_in;
    uint32_t width_out;
    uint32_t out_rows;
    float epsilon;
    uint32_t silu;  // 1: SiLU after the projection
};

struct EmbedArgs {
    const void* table;      // [vocabulary, width]
    const uint32_t* tokens;  // [rows]; NONE and what is beyond the table leaves the row as it is
    void* out;              // [rows, width]
    uint32_t rows;
    uint32_t width;
    uint32_t vocabulary;
    uint32_t unused;
};

struct RetrieveArgs {
    const void* state;       // [width_in]
    const void* projection;  // [width, width_in]
    const void* index;       // [count, width], each of length 1
    float* projected;        // [width], scratch
    uint64_t* best;          // [blocks, k], scratch
    uint32_t* ids;           // [k], NONE where there are fewer
    float* scores;           // [k], -∞ there
    uint32_t width_in;
    uint32_t width;
    uint32_t count;
    uint32_t k;  // ≤ 64
};

struct AdvanceArgs {
    const uint32_t* sampled;     // [rows]: this step's tokens, or NONE
    const uint32_t* stops;       // [rows, stop_width], filled up with NONE
    const uint32_t* lengths_max; // [rows]
    const uint32_t* first_entry; // [rows]: the branch's first page in `entries`; the rest follows
    uint32_t* done;              // [rows]: 0 or 1
    uint32_t* lengths;           // [rows]: tokens of the branch in the cache
    uint32_t* tokens;            // [rows]: the next step's input
    int32_t* token_positions;    // [rows]
    int32_t* token_slots;        // [rows]; -1 once done
    Sight* sights;               // [rows]
    Entry* entries;              // [entries]
    uint32_t* history;           // [steps, rows]
    uint32_t* live;              // [1]: rows that go on
    uint32_t rows;
    uint32_t stop_width;
    uint32_t entry_count;
    uint32_t page_tokens;
    uint32_t step;
    uint32_t steps;
};
