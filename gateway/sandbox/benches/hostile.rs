//! How long calls of a bundled plugin take while each plugin of `tests/hostile` does its worst.
//!
//! ```text
//! cargo bench -p hyfunc-sandbox --bench hostile
//! cargo bench -p hyfunc-sandbox --bench hostile -- spin log
//! HYFUNC_BENCH_MS=3000 cargo bench -p hyfunc-sandbox --bench hostile
//! HYFUNC_BENCH_OUT=$PWD/tests/hostile/LATENCY.md cargo bench -p hyfunc-sandbox --bench hostile
//! ```
//!
//! A report, not a check: machines differ, so each row is beside the same calls alone, measured
//! right before it and right after. Words choose the cases whose names hold one of them. The last
//! line writes the table into a file as well; a path that is not absolute begins at this crate.

#[path = "../tests/support/beside.rs"]
mod beside;
#[path = "../tests/support/corpus.rs"]
mod corpus;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use beside::{Healthy, Server};
use corpus::{Case, cases, config};
use hyfunc_sandbox::{LoadError, Plugin, Sandbox};
use tokio::task::{JoinHandle, spawn_blocking};

/// How long each row is measured, in milliseconds, when `HYFUNC_BENCH_MS` says nothing.
const WINDOW_MS: u64 = 1_000;
/// How long the calls alone before and after each row are measured, each as a part of that.
const ALONE_PART: u32 = 2;
/// By how much the p99 of healthy calls may rise, at most.
const TIMES_MAX: f64 = 1.5;

/// The latencies of the healthy calls of one window.
struct Row {
    /// In microseconds, ascending.
    latencies_us: Vec<u64>,
    failed: usize,
}

impl Row {
    fn join(mut self, other: Self) -> Self {
        self.latencies_us.extend(other.latencies_us);
        self.latencies_us.sort_unstable();
        Self { failed: self.failed + other.failed, ..self }
    }

    /// In microseconds; 0 where nothing was measured.
    fn percentile(&self, percent: usize) -> u64 {
        let last = self.latencies_us.len().saturating_sub(1);
        self.latencies_us.get(last * percent / 100).copied().unwrap_or(0)
    }
}

#[tokio::main]
async fn main() {
    let words: Vec<String> =
        std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let window_ms = std::env::var("HYFUNC_BENCH_MS").ok().and_then(|text| text.parse().ok());
    let window = Duration::from_millis(window_ms.unwrap_or(WINDOW_MS));
    let is_wanted = |case: &Case| {
        words.is_empty() || words.iter().any(|word| case.name.contains(word.as_str()))
    };
    let sandbox = Sandbox::new(config()).expect("the limits work");
    let healthy = Healthy::load(&sandbox);
    let server = Server::start().await;
    measure(&healthy, window).await;
    let mut report = Report::default();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    report.line(&format!(
        "Calls of a bundled plugin, one after another, alone and beside each plugin of \
         tests/hostile; {cores} cores, {} ms a row. Made by `cargo bench -p hyfunc-sandbox --bench \
         hostile`.\n",
        window.as_millis()
    ));
    report.line("| beside | calls | failed | p50 | p99 | p99 alone | times |");
    report.line("|---|---:|---:|---:|---:|---:|---:|");
    let (mut worst, mut failed, mut rows, mut slow) = (0.0_f64, 0, 0, Vec::new());
    for case in cases().into_iter().filter(is_wanted).map(Arc::new) {
        let before = measure(&healthy, window / ALONE_PART).await;
        let attack = Attack::start(&case, &sandbox, server.port).await;
        let row = measure(&healthy, window).await;
        attack.stop().await;
        let alone = before.join(measure(&healthy, window / ALONE_PART).await);
        let times = row.percentile(99) as f64 / alone.percentile(99).max(1) as f64;
        report.line(&format!(
            "| {} | {} | {} | {} µs | {} µs | {} µs | {times:.2} |",
            case.name,
            row.latencies_us.len(),
            row.failed,
            row.percentile(50),
            row.percentile(99),
            alone.percentile(99),
        ));
        worst = worst.max(times);
        failed += row.failed + alone.failed;
        rows += 1;
        if times > TIMES_MAX {
            slow.push(case.name.clone());
        }
    }
    report.line(&format!(
        "\nAt worst {worst:.2} times the p99 alone; above {TIMES_MAX} times: {} of {rows}{}; \
         {failed} calls failed.",
        slow.len(),
        if slow.is_empty() { String::new() } else { format!(" ({})", slow.join(", ")) },
    ));
    report.write();
}

/// What is printed, and kept for the file.
#[derive(Default)]
struct Report {
    text: String,
}

impl Report {
    fn line(&mut self, line: &str) {
        println!("{line}");
        self.text.push_str(line);
        self.text.push('\n');
    }

    /// Into the file that `HYFUNC_BENCH_OUT` names, if it does.
    fn write(&self) {
        if let Some(path) = std::env::var_os("HYFUNC_BENCH_OUT") {
            std::fs::write(&path, &self.text)
                .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        }
    }
}

/// Calls the healthy plugin for so long, one call after another.
async fn measure(healthy: &Healthy, window: Duration) -> Row {
    let end = Instant::now() + window;
    let mut row = Row { latencies_us: Vec::new(), failed: 0 };
    while Instant::now() < end {
        let began = Instant::now();
        if healthy.call().await.is_err() {
            row.failed += 1;
        }
        row.latencies_us.push(u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX));
    }
    row.latencies_us.sort_unstable();
    row
}

/// A hostile plugin at work, again and again.
struct Attack {
    stop: Arc<AtomicBool>,
    attackers: Vec<JoinHandle<()>>,
}

impl Attack {
    /// Loads it and begins. One that must not load is loaded again and again.
    async fn start(case: &Arc<Case>, shared: &Sandbox, port: u16) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let sandbox = case.sandbox(shared);
        let mut plugins = BTreeMap::new();
        for call in &case.call {
            let name = call.plugin(case).to_owned();
            if let Ok(plugin) = load(case, &name, &sandbox, port).await {
                plugins.insert(name, plugin);
            }
        }
        let plugins = Arc::new(plugins);
        let attackers = (0..case.at_once)
            .map(|_| {
                let (case, plugins) = (Arc::clone(case), Arc::clone(&plugins));
                let (sandbox, stop) = (sandbox.clone(), Arc::clone(&stop));
                if case.call.is_empty() {
                    spawn_blocking(move || load_until(&stop, &case, &sandbox, port))
                } else {
                    tokio::spawn(call_until(stop, case, plugins, port))
                }
            })
            .collect();
        Self { stop, attackers }
    }

    /// Waits for what it has begun.
    async fn stop(self) {
        self.stop.store(true, Ordering::SeqCst);
        for attacker in self.attackers {
            // How an attack ends is what the test is about.
            let _ = attacker.await;
        }
    }
}

async fn load(
    case: &Arc<Case>,
    name: &str,
    sandbox: &Sandbox,
    port: u16,
) -> Result<Plugin, LoadError> {
    let (case, name, sandbox) = (Arc::clone(case), name.to_owned(), sandbox.clone());
    let loading =
        spawn_blocking(move || sandbox.load(&name, &case.component(), &case.grants(port)));
    loading.await.expect("loading does not panic")
}

fn load_until(stop: &AtomicBool, case: &Case, sandbox: &Sandbox, port: u16) {
    let (component, grants) = (case.component(), case.grants(port));
    while !stop.load(Ordering::SeqCst) {
        // How it ends is what the test is about.
        let _ = sandbox.load(&case.name, &component, &grants);
    }
}

async fn call_until(
    stop: Arc<AtomicBool>,
    case: Arc<Case>,
    plugins: Arc<BTreeMap<String, Plugin>>,
    port: u16,
) {
    while !stop.load(Ordering::SeqCst) {
        for call in &case.call {
            let Some(plugin) = plugins.get(call.plugin(&case)) else { return };
            let _ = call.run(plugin, port).await;
        }
    }
}
