//! Attention of ragged rows over pages.

use hyfunc_kernels::reference::{Attended, Entry, Sight};
use hyfunc_kernels::tolerance::Tolerance;
use hyfunc_kernels::{Attention, Element, Float, Machine, Tensor, reference};

use super::random::Random;

struct Case {
    float: Float,
    heads: usize,
    heads_kv: usize,
    width: usize,
    page_tokens: usize,
    pages: usize,
    row_tokens: Vec<u32>,
    row_entries: Vec<u32>,
    entries: Vec<Entry>,
    sights: Vec<Sight>,
}

impl Case {
    fn check<M: Machine>(&self, machine: &M, splits: usize, what: &str) {
        let Self { float, heads, heads_kv, width, page_tokens, pages, .. } = *self;
        let tokens = self.sights.len();
        let mut random = Random((tokens + splits) as u64);
        let queries = random.floats(float, tokens * heads * width);
        let len = pages * heads_kv * page_tokens * width;
        let (mut keys, mut values) = (random.floats(float, len), random.floats(float, len));
        self.poison(&mut keys);
        self.poison(&mut values);
        let scale = 1.0 / (width as f32).sqrt();

        let tensor = |values: &[f32]| Tensor::from_floats(machine, float, values).unwrap();
        let flat = |entry: &Entry| [entry.page, entry.count, entry.start, entry.branch];
        let entries: Vec<i32> = self.entries.iter().flat_map(flat).collect();
        let sights: Vec<i32> = self.sights.iter().flat_map(|s| [s.limit, s.branch]).collect();
        let vectors = tokens * heads;
        let partial_len = if splits == 1 { 0 } else { splits * vectors * (width + 2) };
        let mut out = Tensor::poisoned(machine, float.element(), vectors * width).unwrap();
        let mut partial = Tensor::poisoned(machine, Element::F32, partial_len).unwrap();
        let longest = self.row_tokens.windows(2).map(|row| row[1] - row[0]).max().unwrap_or(0);
        Attention {
            float,
            rows: self.row_tokens.len() - 1,
            row_tokens_max: longest as usize,
            tokens,
            heads,
            heads_kv,
            width,
            pages,
            page_tokens,
            entry_count: self.entries.len(),
            splits,
            scale,
            queries: &tensor(&queries),
            keys: &tensor(&keys),
            values: &tensor(&values),
            row_tokens: &Tensor::from_u32(machine, &self.row_tokens).unwrap(),
            row_entries: &Tensor::from_u32(machine, &self.row_entries).unwrap(),
            entries: &Tensor::from_i32(machine, &entries).unwrap(),
            sights: &Tensor::from_i32(machine, &sights).unwrap(),
            out: &mut out,
            partial: &mut partial,
        }
        .launch(machine)
        .unwrap();
        let truth = reference::attention(&Attended {
            queries: &queries,
            keys: &keys,
            values: &values,
            heads,
            heads_kv,
            width,
            page_tokens,
            scale,
            row_tokens: &self.row_tokens,
            row_entries: &self.row_entries,
            entries: &self.entries,
            sights: &self.sights,
        });
        let what = format!("attention {what} {float:?} heads {heads}/{heads_kv} splits {splits}");
        let tolerance = Tolerance::attention(float, width);
        super::close(&what, &out.floats(machine).unwrap(), &truth, tolerance);
    }

    /// NaN wherever no entry says that the cache holds anything.
    fn poison(&self, cache: &mut [f32]) {
        for (at, vector) in cache.chunks_mut(self.width).enumerate() {
            let page = (at / self.page_tokens / self.heads_kv) as i32;
            let offset = (at % self.page_tokens) as i32;
            let held = |entry: &Entry| entry.page == page && offset < entry.count;
            if !self.entries.iter().any(held) {
                vector.fill(f32::NAN);
            }
        }
    }
}

/// Two requests with one instruction block, a request each, and branches of one of them.
fn branches(float: Float, heads: usize, heads_kv: usize, width: usize) -> Case {
    let entry = |page, count, start, branch| Entry { page, count, start, branch };
    let page_tokens = 4;
    Case {
        float,
        heads,
        heads_kv,
        width,
        page_tokens,
        pages: 12,
        // The first row's last three tokens are the second, third and fourth branch's.
        row_tokens: vec![0, 5, 5, 12],
        row_entries: vec![0, 7, 7, 11],
        entries: vec![
            entry(3, 4, 0, 0), // shared by both rows, the last page in part
            entry(1, 2, 4, 0),
            entry(7, 3, 6, 0), // the first one's request
            entry(2, 1, 9, 1),
            entry(5, 4, 9, 2),
            entry(6, 2, 13, 2),
            entry(0, 0, 9, 3), // a page that holds nothing yet
            entry(3, 4, 0, 0),
            entry(1, 2, 4, 0),
            entry(9, 4, 6, 0), // the second one's
            entry(11, 3, 10, 0),
        ],
        sights: vec![
            Sight { limit: 9, branch: 0 },
            Sight { limit: 10, branch: 1 },
            Sight { limit: 14, branch: 2 },
            Sight { limit: 15, branch: 2 },
            Sight { limit: 10, branch: 3 },
            // Causal, from nothing at all to everything; the last two read in both directions.
            Sight { limit: 0, branch: 0 },
            Sight { limit: 1, branch: 0 },
            Sight { limit: 4, branch: 0 },
            Sight { limit: 5, branch: 0 },
            Sight { limit: 10, branch: 0 },
            Sight { limit: 13, branch: 0 },
            Sight { limit: 13, branch: 0 },
        ],
    }
}

/// The rows, by hand: shared blocks, branches, an empty row, a query that sees nothing.
pub fn by_hand<M: Machine>(machine: &M) {
    for float in Float::ALL {
        for (heads, heads_kv, width) in [(1, 1, 8), (4, 2, 64), (3, 1, 136), (2, 2, 256)] {
            for splits in [1, 2, 5] {
                let case = branches(float, heads, heads_kv, width);
                case.check(machine, splits, "by hand");
            }
        }
    }
}

/// Entries that name no page are nothing, and nothing beyond the cache is read.
pub fn nowhere<M: Machine>(machine: &M) {
    let mut case = branches(Float::F16, 2, 1, 16);
    case.entries[2].page = -1;
    case.entries[4].page = 12;
    case.entries[8].count = -7;
    case.entries[9].count = 1000;
    case.entries[10].page = i32::MAX;
    case.check(machine, 1, "nowhere");
    case.check(machine, 3, "nowhere");
}

/// Rows of all lengths with random lists, every one longer than a tile of queries now and then.
pub fn ragged<M: Machine>(machine: &M) {
    for seed in 0..6 {
        let mut random = Random(seed);
        let (heads, heads_kv) = [(1, 1), (4, 2), (16, 8), (6, 1)][random.below(4)];
        let page_tokens = [1, 3, 16][random.below(3)];
        let pages = 20;
        let (mut row_tokens, mut row_entries) = (vec![0u32], vec![0u32]);
        let (mut entries, mut sights) = (Vec::new(), Vec::new());
        for _ in 0..random.below(4) + 1 {
            let mut start = 0;
            for _ in 0..random.below(7) {
                let count = random.below(page_tokens + 1) as i32;
                let branch = random.below(3) as i32;
                entries.push(Entry { page: random.below(pages) as i32, count, start, branch });
                start += count;
            }
            for _ in 0..random.below(24) {
                let limit = random.below(start as usize + 2) as i32;
                sights.push(Sight { limit, branch: random.below(3) as i32 });
            }
            row_tokens.push(sights.len() as u32);
            row_entries.push(entries.len() as u32);
        }
        let float = Float::ALL[random.below(2)];
        let case = Case {
            float,
            heads,
            heads_kv,
            width: 32,
            page_tokens,
            pages,
            row_tokens,
            row_entries,
            entries,
            sights,
        };
        for splits in [1, 3] {
            case.check(machine, splits, &format!("ragged {seed}"));
        }
    }
}
