//! How long calls of a bundled plugin take while each plugin of `tests/hostile` does its worst.
//!
//! ```text
//! cargo bench -p hyfunc-sandbox --bench hostile
//! cargo bench -p hyfunc-sandbox --bench hostile -- spin log
//! HYFUNC_BENCH_MS=3000 cargo bench -p hyfunc-sandbox --bench hostile
//! HYFUNC_BENCH_OUT=$PWD/tests/hostile/LATENCY.md cargo bench -p hyfunc-sandbox --bench hostile
//! ```
//!
//! A report, not a check: machines differ, so each row is beside the same calls alone. Windows alone
//! and beside take turns, and begin and end alone, so that a machine that grows slower or busier
//! does so for both. The first row is no hostile plugin but more callers of the healthy one: what
//! any load of as many tasks does. Words choose the cases whose names hold one of them. The last line
//! writes the table into a file as well; a path that is not absolute begins at this crate.

#[path = "../tests/support/beside.rs"]
mod beside;
#[path = "../tests/support/corpus.rs"]
mod corpus;
#[path = "../tests/support/machine.rs"]
mod machine;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use beside::{Healthy, Server};
use corpus::{Case, cases, config};
use hyfunc_sandbox::{LoadError, Plugin, Sandbox};
use tokio::task::{JoinHandle, spawn_blocking};

/// How long calls are measured beside a plugin each time, in milliseconds, when `HYFUNC_BENCH_MS` says
/// nothing.
const WINDOW_MS: u64 = 1_000;
/// How often.
const ROUNDS: u32 = 3;
/// How long the calls alone are measured, before, between and after: each as a part of that.
const ALONE_PART: u32 = 2;
/// By how much the p99 of healthy calls may rise, at most.
const TIMES_MAX: f64 = 1.5;
/// The row of more callers of the healthy plugin, and how many there are: as of most cases.
const ITSELF: (&str, usize) = ("(the healthy plugin itself)", 2);

/// The latencies of healthy calls.
#[derive(Default)]
struct Row {
    /// In microseconds, ascending.
    latencies_us: Vec<u64>,
    failed: usize,
}

impl Row {
    fn join(&mut self, other: Self) {
        self.latencies_us.extend(other.latencies_us);
        self.latencies_us.sort_unstable();
        self.failed += other.failed;
    }

    /// In microseconds; 0 where nothing was measured.
    fn percentile(&self, percent: usize) -> u64 {
        let last = self.latencies_us.len().saturating_sub(1);
        self.latencies_us.get(last * percent / 100).copied().unwrap_or(0)
    }
}

/// Calls beside one plugin, and the same alone.
#[derive(Default)]
struct Pair {
    beside: Row,
    alone: Row,
    /// The least and the most of the p99s of windows alone, in microseconds: what is noise.
    alone_p99_us: Option<(u64, u64)>,
}

impl Pair {
    fn join_alone(&mut self, row: Row) {
        let p99 = row.percentile(99);
        let (least, most) = self.alone_p99_us.unwrap_or((p99, p99));
        self.alone_p99_us = Some((least.min(p99), most.max(p99)));
        self.alone.join(row);
    }

    fn times(&self) -> f64 {
        self.beside.percentile(99) as f64 / self.alone.percentile(99).max(1) as f64
    }
}

/// What everything is measured with.
struct Scene {
    sandbox: Sandbox,
    healthy: Arc<Healthy>,
    server: Arc<Server>,
    window: Duration,
}

impl Scene {
    /// Windows alone and beside in turn, beginning and ending alone.
    async fn measure(&self, attack: &Attack) -> Pair {
        let mut pair = Pair::default();
        let alone = self.window / ALONE_PART;
        pair.join_alone(measure(&self.healthy, alone).await);
        for _ in 0..ROUNDS {
            let running = attack.begin();
            pair.beside.join(measure(&self.healthy, self.window).await);
            running.stop().await;
            pair.join_alone(measure(&self.healthy, alone).await);
        }
        pair
    }
}

/// The rows added up.
#[derive(Default)]
struct Sum {
    worst: f64,
    failed: usize,
    rows: usize,
    /// Names of those above what is aimed at.
    slow: Vec<String>,
}

impl Sum {
    fn add(&mut self, name: &str, pair: &Pair) {
        self.worst = self.worst.max(pair.times());
        self.failed += pair.beside.failed + pair.alone.failed;
        self.rows += 1;
        if pair.times() > TIMES_MAX {
            self.slow.push(name.to_owned());
        }
    }
}

#[tokio::main]
async fn main() {
    let words: Vec<String> =
        std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let window_ms = std::env::var("HYFUNC_BENCH_MS").ok().and_then(|text| text.parse().ok());
    let is_wanted = |case: &Case| {
        words.is_empty() || words.iter().any(|word| case.name.contains(word.as_str()))
    };
    let mut report = Report::default();
    // Before anything is at work: the load is that of others.
    let machine = machine::described();
    let sandbox = Sandbox::new(config()).expect("the limits work");
    let scene = Scene {
        healthy: Arc::new(Healthy::load(&sandbox)),
        server: Server::start().await,
        window: Duration::from_millis(window_ms.unwrap_or(WINDOW_MS)),
        sandbox,
    };
    report.head(&machine, scene.window);
    measure(&scene.healthy, scene.window).await;
    let itself = scene.measure(&Attack::Itself(Arc::clone(&scene.healthy))).await;
    report.row(ITSELF.0, &itself);
    let mut sum = Sum::default();
    for case in cases().into_iter().filter(is_wanted).map(Arc::new) {
        let attack = Attack::ready(&case, &scene.sandbox, scene.server.port).await;
        let pair = scene.measure(&attack).await;
        report.row(&case.name, &pair);
        sum.add(&case.name, &pair);
    }
    report.sum(&sum);
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

    fn head(&mut self, machine: &str, window: Duration) {
        self.line(&format!(
            "Calls of a bundled plugin, one after another, alone and beside each plugin of \
             tests/hostile. Made by `cargo bench -p hyfunc-sandbox --bench hostile`.\n\n\
             {machine}.\n\n\
             {ROUNDS} windows of {} ms beside each, and {} of {} ms alone before, between and after \
             them. `p99 alone` is that of all windows alone, with the least and the most of any; \
             `times` is p99 over p99 alone. The first row is {} more callers of the same plugin: \
             what any load of as many tasks does.\n",
            window.as_millis(),
            ROUNDS + 1,
            (window / ALONE_PART).as_millis(),
            ITSELF.1,
        ));
        self.line("| beside | calls | failed | p50 | p99 | p99 alone | times |");
        self.line("|---|---:|---:|---:|---:|---:|---:|");
    }

    fn row(&mut self, name: &str, pair: &Pair) {
        let (least, most) = pair.alone_p99_us.unwrap_or_default();
        self.line(&format!(
            "| {name} | {} | {} | {} µs | {} µs | {} µs ({least}–{most}) | {:.2} |",
            pair.beside.latencies_us.len(),
            pair.beside.failed,
            pair.beside.percentile(50),
            pair.beside.percentile(99),
            pair.alone.percentile(99),
            pair.times(),
        ));
    }

    fn sum(&mut self, sum: &Sum) {
        let slow = &sum.slow;
        self.line(&format!(
            "\nAt worst {:.2} times the p99 alone; above {TIMES_MAX} times: {} of {}{}; {} calls \
             failed.",
            sum.worst,
            slow.len(),
            sum.rows,
            if slow.is_empty() { String::new() } else { format!(" ({})", slow.join(", ")) },
            sum.failed,
        ));
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

/// What is done beside, ready to begin as often as it is wanted.
enum Attack {
    /// More callers of the healthy plugin.
    Itself(Arc<Healthy>),
    /// A hostile plugin, loaded where it can be.
    Hostile { case: Arc<Case>, sandbox: Sandbox, plugins: Arc<Plugins>, port: u16 },
}

/// The plugins of a case by name: those that load.
type Plugins = BTreeMap<String, Plugin>;

impl Attack {
    async fn ready(case: &Arc<Case>, shared: &Sandbox, port: u16) -> Self {
        let sandbox = case.sandbox(shared);
        let mut plugins = Plugins::new();
        for call in &case.call {
            let name = call.plugin(case).to_owned();
            if let Ok(plugin) = load(case, &name, &sandbox, port).await {
                plugins.insert(name, plugin);
            }
        }
        Self::Hostile { case: Arc::clone(case), sandbox, plugins: Arc::new(plugins), port }
    }

    /// Begins. A plugin that must not load is loaded again and again.
    fn begin(&self) -> Running {
        let stop = Arc::new(AtomicBool::new(false));
        let at_once = match self {
            Self::Itself(_) => ITSELF.1,
            Self::Hostile { case, .. } => case.at_once,
        };
        let attackers = (0..at_once).map(|_| self.attacker(Arc::clone(&stop))).collect();
        Running { stop, attackers }
    }

    fn attacker(&self, stop: Arc<AtomicBool>) -> JoinHandle<()> {
        match self {
            Self::Itself(healthy) => {
                let healthy = Arc::clone(healthy);
                tokio::spawn(async move {
                    while !stop.load(Ordering::SeqCst) {
                        // Whether it succeeds is counted where it is measured.
                        let _ = healthy.call().await;
                    }
                })
            }
            Self::Hostile { case, sandbox, port, .. } if case.call.is_empty() => {
                let (case, sandbox, port) = (Arc::clone(case), sandbox.clone(), *port);
                spawn_blocking(move || load_until(&stop, &case, &sandbox, port))
            }
            Self::Hostile { case, plugins, port, .. } => {
                tokio::spawn(call_until(stop, Arc::clone(case), Arc::clone(plugins), *port))
            }
        }
    }
}

/// An attack at work, again and again.
struct Running {
    stop: Arc<AtomicBool>,
    attackers: Vec<JoinHandle<()>>,
}

impl Running {
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

async fn call_until(stop: Arc<AtomicBool>, case: Arc<Case>, plugins: Arc<Plugins>, port: u16) {
    while !stop.load(Ordering::SeqCst) {
        for call in &case.call {
            let Some(plugin) = plugins.get(call.plugin(&case)) else { return };
            let _ = call.run(plugin, port).await;
        }
    }
}
