//! What each kernel takes, beside the time in which the copy that this run measured would move the
//! same bytes.
//!
//! Weights are cycled through copies that together are larger than any cache, as a model's layers
//! are.

pub mod steps;

use cudarc::driver::sys::CUevent_flags;
use hyfunc_kernels::{
    AddRmsNorm, Attention, Device, Element, Float, Gemv, HeadArgmax, KernelError, Retrieve, Swiglu,
    Tensor,
};

const FLOAT: Float = Float::Bf16;
const ELEMENT: Element = Element::Bf16;
/// More than the cache of an H200.
const CYCLE_BYTES: usize = 256 << 20;
const COPY_BYTES: usize = 1 << 30;
const WARM_UPS: usize = 20;
const REPEATS: usize = 200;
const SAMPLES: usize = 7;

type Outcome = Result<(), KernelError>;

/// Prints a row for each kernel.
pub fn print(device: &Device) {
    let bandwidth = copy_bandwidth(device);
    println!("{}: a copy moves {:.2} TB/s, read and written", device.name(), bandwidth / 1e12);
    println!("{:<44} {:>9} {:>9} {:>9}", "kernel", "floor µs", "median µs", "fraction");
    let row = |what: &str, bytes: usize, microseconds: f64| {
        let floor = bytes as f64 / bandwidth * 1e6;
        let fraction = floor / microseconds;
        println!("{what:<44} {floor:>9.2} {microseconds:>9.2} {fraction:>9.2}");
    };
    for (what, width_in, width_out) in [
        ("gemv 1 row, 1024 to 4096 (fused QKV, 0.6B)", 1024, 4096),
        ("gemv 1 row, 1024 to 6144 (gate and up)", 1024, 6144),
        ("gemv 1 row, 3072 to 1024 (down)", 3072, 1024),
    ] {
        let bytes = 2 * width_in * width_out;
        row(what, bytes, gemv(device, 1, width_in, width_out));
        row(&what.replace("1 row,", "8 rows,"), bytes, gemv(device, 8, width_in, width_out));
    }
    row("head argmax, 2,000 of 151,936 × 1024", 2 * 2000 * 1024, head(device));
    for rows in [1, 64] {
        let what = format!("add + RMSNorm, {rows} × 1024");
        row(&what, 8 * rows * 1024 + 2 * 1024, norm(device, rows));
        let what = format!("SwiGLU, {rows} × 3072");
        row(&what, 6 * rows * 3072, swiglu(device, rows));
        let what = format!("attention, {rows} rows over 150 tokens, 16/8 × 128");
        row(&what, rows * (4 * 150 * 8 * 128 + 4 * 16 * 128), attention(device, rows));
    }
    for count in [16_384, 1_000_000] {
        let what = format!("retrieve 10 of {count} × 1024");
        row(&what, 2 * 1024 * (4096 + count), retrieve(device, count));
    }
}

fn zeros(device: &Device, element: Element, len: usize) -> Tensor<Device> {
    Tensor::zeros(device, element, len).expect("there is room")
}

/// So many copies that they fill the cycle, at most 64 of them.
fn copies(device: &Device, len: usize) -> Vec<Tensor<Device>> {
    let count = (CYCLE_BYTES / (2 * len)).clamp(1, 64);
    (0..count).map(|_| zeros(device, ELEMENT, len)).collect()
}

/// Median time of a launch in µs, many in a row.
fn time(device: &Device, mut launch: impl FnMut(usize) -> Outcome) -> f64 {
    for i in 0..WARM_UPS {
        launch(i).expect("it launches");
    }
    let mark = || {
        let flags = Some(CUevent_flags::CU_EVENT_DEFAULT);
        device.stream().record_event(flags).expect("events can be recorded")
    };
    let mut samples: Vec<f64> = (0..SAMPLES)
        .map(|_| {
            let start = mark();
            for i in 0..REPEATS {
                launch(i).expect("it launches");
            }
            let end = mark();
            f64::from(start.elapsed_ms(&end).expect("it ran")) * 1000.0 / REPEATS as f64
        })
        .collect();
    samples.sort_by(f64::total_cmp);
    samples[SAMPLES / 2]
}

/// Bytes a second, read and written counted both.
fn copy_bandwidth(device: &Device) -> f64 {
    let stream = device.stream();
    let from = stream.alloc_zeros::<u8>(COPY_BYTES).expect("there is room");
    let mut to = stream.alloc_zeros::<u8>(COPY_BYTES).expect("there is room");
    let microseconds = time(device, |_| {
        stream.memcpy_dtod(&from, &mut to).expect("it copies");
        Ok(())
    });
    2.0 * COPY_BYTES as f64 / microseconds * 1e6
}

fn gemv(device: &Device, rows: usize, width_in: usize, width_out: usize) -> f64 {
    let weights = copies(device, width_in * width_out);
    let x = zeros(device, ELEMENT, rows * width_in);
    let mut out = zeros(device, ELEMENT, rows * width_out);
    time(device, |i| {
        let weights = &weights[i % weights.len()];
        let (float, out) = (FLOAT, &mut out);
        Gemv { float, wide: false, rows, width_in, width_out, x: &x, weights, out }.launch(device)
    })
}

fn head(device: &Device) -> f64 {
    let (width, vocabulary, count) = (1024, 151_936, 2000);
    let head = zeros(device, ELEMENT, vocabulary * width);
    let states = zeros(device, ELEMENT, width);
    // Rows from all over the head, others in every launch.
    let lists: Vec<Tensor<Device>> = (0..64u32)
        .map(|list| {
            let tokens: Vec<u32> = (0..count as u32).map(|i| i * 75 + list).collect();
            Tensor::from_u32(device, &tokens).expect("there is room")
        })
        .collect();
    let mut keys = zeros(device, Element::U64, 1);
    let mut arrived = zeros(device, Element::U32, 1);
    let mut tokens = zeros(device, Element::U32, 1);
    let mut scores = zeros(device, Element::F32, 1);
    time(device, |i| {
        HeadArgmax {
            float: FLOAT,
            rows: 1,
            width,
            vocabulary,
            candidate_count: count,
            states: &states,
            head: &head,
            candidates: &lists[i % lists.len()],
            allowed: None,
            keys: &mut keys,
            arrived: &mut arrived,
            tokens: &mut tokens,
            scores: &mut scores,
        }
        .launch(device)
    })
}

fn norm(device: &Device, rows: usize) -> f64 {
    let width = 1024;
    let branch = zeros(device, ELEMENT, rows * width);
    let mut residual = zeros(device, ELEMENT, rows * width);
    let weight = zeros(device, ELEMENT, width);
    let mut out = zeros(device, ELEMENT, rows * width);
    time(device, |_| {
        AddRmsNorm {
            float: FLOAT,
            rows,
            width,
            epsilon: 1e-6,
            branch: Some(&branch),
            residual: &mut residual,
            weight: &weight,
            out: &mut out,
        }
        .launch(device)
    })
}

fn swiglu(device: &Device, rows: usize) -> f64 {
    let width = 3072;
    let gate_up = zeros(device, ELEMENT, rows * 2 * width);
    let mut out = zeros(device, ELEMENT, rows * width);
    time(device, |_| {
        Swiglu { float: FLOAT, rows, width, gate_up: &gate_up, out: &mut out }.launch(device)
    })
}

fn attention(device: &Device, rows: usize) -> f64 {
    let (heads, heads_kv, width, page_tokens, row_pages) = (16, 8, 128, 16, 10);
    let pages = rows * row_pages;
    let cache = pages * heads_kv * page_tokens * width;
    let (keys, values) = (zeros(device, ELEMENT, cache), zeros(device, ELEMENT, cache));
    let queries = zeros(device, ELEMENT, rows * heads * width);
    let mut out = zeros(device, ELEMENT, rows * heads * width);
    let splits = if rows == 1 { 5 } else { 1 };
    let mut partial = zeros(device, Element::F32, splits * rows * heads * (width + 2));
    let numbers = |step: usize| (0..=rows).map(|row| (row * step) as u32).collect::<Vec<u32>>();
    let ends = |step| Tensor::from_u32(device, &numbers(step)).expect("there is room");
    let (row_tokens, row_entries) = (ends(1), ends(row_pages));
    let entries: Vec<i32> = (0..pages)
        .flat_map(|page| {
            let first = page % row_pages * page_tokens;
            let held = page_tokens.min(150 - first);
            [page as i32, held as i32, first as i32, 0]
        })
        .collect();
    let entries = Tensor::from_i32(device, &entries).expect("there is room");
    let sights = [150, 0].repeat(rows);
    let sights = Tensor::from_i32(device, &sights).expect("there is room");
    time(device, |_| {
        Attention {
            float: FLOAT,
            rows,
            row_tokens_max: 1,
            tokens: rows,
            heads,
            heads_kv,
            width,
            pages,
            page_tokens,
            entry_count: pages,
            splits,
            scale: 0.088,
            queries: &queries,
            keys: &keys,
            values: &values,
            row_tokens: &row_tokens,
            row_entries: &row_entries,
            entries: &entries,
            sights: &sights,
            out: &mut out,
            partial: &mut partial,
        }
        .launch(device)
    })
}

fn retrieve(device: &Device, count: usize) -> f64 {
    let (width_in, width, k) = (4096, 1024, 10);
    let indices = copies(device, count * width);
    let state = zeros(device, ELEMENT, width_in);
    let projection = zeros(device, ELEMENT, width * width_in);
    let mut projected = zeros(device, Element::F32, width);
    let blocks = Retrieve::<Device>::blocks(device, count);
    let mut best = zeros(device, Element::U64, blocks * k);
    let mut ids = zeros(device, Element::U32, k);
    let mut scores = zeros(device, Element::F32, k);
    time(device, |i| {
        Retrieve {
            float: FLOAT,
            width_in,
            width,
            count,
            k,
            state: &state,
            projection: &projection,
            index: &indices[i % indices.len()],
            projected: &mut projected,
            best: &mut best,
            ids: &mut ids,
            scores: &mut scores,
        }
        .launch(device)
    })
}
