//! The cascade of the paper at its true shapes on a GPU: what `hyfunc-device` measured, as rows, notes
//! and pictures.

use hyfunc_measured::{Ceilings, Facts, Finding, Found, Limit, Wanted};
use tokio::task::spawn_blocking;

use super::effort::Effort;
use super::picture::{Picture, Scale, Span};
use super::report::PartReport;
use super::row::{At, Floor, Row};
use super::samples::Samples;
use super::{Bench, BenchError, Part, progress, units};

/// Sizes of the library where nobody says otherwise.
const FUNCTIONS: &[usize] = &[20, 200, 10_000];
/// Requests at once where nobody says otherwise.
const AT_ONCE: &[usize] = &[1, 8, 64, 256];

/// Steps of a request, and what they are called where there is little room.
const SPANS: [(&str, &str); 6] = [
    ("large model reads the query", "large reads"),
    ("retrieve", "retrieve"),
    ("soft token", "soft token"),
    ("small model reads query and soft token", "small reads"),
    ("injected chunks, all slots", "fixed text"),
    ("value step, all slots", "values"),
];

/// Says that there is no such GPU before minutes of other work.
#[cfg(feature = "cuda")]
pub(super) fn check(ordinal: usize) -> Result<(), BenchError> {
    hyfunc_device::bench::check(ordinal).map_err(unmeasured)
}

#[cfg(feature = "cuda")]
fn measured(
    ordinal: usize,
    wanted: &Wanted,
    tell: &mut dyn FnMut(&str),
) -> Result<Found, BenchError> {
    hyfunc_device::bench::run(ordinal, wanted, tell).map_err(unmeasured)
}

#[cfg(feature = "cuda")]
fn unmeasured(error: hyfunc_device::DeviceError) -> BenchError {
    BenchError::Device { reason: error.to_string() }
}

/// Says that no GPU can be measured at all.
#[cfg(not(feature = "cuda"))]
pub(super) fn check(ordinal: usize) -> Result<(), BenchError> {
    Err(BenchError::NoGpus { ordinal })
}

#[cfg(not(feature = "cuda"))]
fn measured(ordinal: usize, _: &Wanted, _: &mut dyn FnMut(&str)) -> Result<Found, BenchError> {
    Err(BenchError::NoGpus { ordinal })
}

/// Measures the part.
pub(super) async fn measure(bench: &Bench) -> Result<PartReport, BenchError> {
    let (ordinal, wanted) = (bench.ordinal, wanted(bench));
    let found = spawn_blocking(move || {
        let bar = progress::bar(Part::Gpu, wanted.stages());
        let found = measured(ordinal, &wanted, &mut |stage| {
            bar.set_message(stage.to_owned());
            bar.inc(1);
        });
        bar.finish_and_clear();
        found
    });
    let found = found.await.map_err(|_| BenchError::Panicked)??;
    Ok(PartReport::from(&found))
}

fn wanted(bench: &Bench) -> Wanted {
    let or = |typed: &[usize], default: &[usize]| {
        let sizes = if typed.is_empty() { default } else { typed };
        sizes.to_vec()
    };
    Wanted {
        functions: or(&bench.functions, FUNCTIONS),
        concurrency: or(&bench.concurrency, AT_ONCE),
        limit: match bench.effort {
            Effort::Iterations(times) => Limit::Times(times),
            Effort::Duration(limit) => Limit::Within(limit),
        },
    }
}

impl From<&Found> for PartReport {
    fn from(found: &Found) -> Self {
        let requests = rows(&found.requests, &found.ceilings);
        let loads = rows(&found.loads, &found.ceilings);
        let pictures = vec![
            timeline(found),
            Picture::lines(
                "Half of the steps and requests took at most",
                Scale::Time,
                &requests,
                p50,
            ),
            Picture::lines("Requests a second", Scale::Rate, &loads, |row| {
                Some(row.times.as_ref()?.per_second)
            }),
            Picture::lines("99 of 100 requests took at most", Scale::Time, &loads, |row| {
                Some(row.times.as_ref()?.p99_us)
            }),
            memory(&found.memory),
        ];
        let mut all = requests;
        all.extend(loads);
        all.extend(rows(&found.memory, &found.ceilings));
        all.push(ceilings(found));
        PartReport {
            part: Part::Gpu,
            about: format!("{}, on {}", found.about, device(&found.facts)),
            notes: notes(found),
            rows: all,
            pictures,
        }
    }
}

fn p50(row: &Row) -> Option<f64> {
    Some(row.times.as_ref()?.p50_us)
}

fn rows(findings: &[Finding], ceilings: &Ceilings) -> Vec<Row> {
    findings.iter().map(|finding| row(finding, ceilings)).collect()
}

fn row(finding: &Finding, ceilings: &Ceilings) -> Row {
    let samples = samples(finding);
    let times = match finding.elapsed {
        Some(elapsed) => samples.times(elapsed),
        None => samples.times_in_turn(),
    };
    let mut row = Row::timed(finding.name, times);
    row.at = finding.at.map(|(count, of)| At { count, of });
    if let Some(work) = finding.work {
        let us = ceilings.floor_us(work);
        row.floor = Some(Floor { bytes: work.bytes, operations: work.operations, us });
        if let Some(p50_us) = p50(&row).filter(|p50_us| *p50_us > 0.0) {
            row.figure("floor_share", us / p50_us);
        }
    }
    if let Some(count) = finding.per_request {
        row.figure("in_a_request", count);
    }
    row.figures.extend(finding.figures.iter().copied());
    row
}

fn samples(finding: &Finding) -> Samples {
    let mut samples = Samples::default();
    finding.samples.iter().for_each(|took| samples.add(*took));
    samples
}

/// One request, step after step; steps that come several times are one span.
fn timeline(found: &Found) -> Picture {
    let spans = found.requests.iter().filter_map(|finding| {
        let (count, work) = (finding.per_request?, finding.work?);
        let us = samples(finding).times_in_turn()?.p50_us * count;
        let floor_us = found.ceilings.floor_us(work) * count;
        let short = SPANS.iter().find(|(name, _)| *name == finding.name);
        let name = short.map_or(finding.name, |(_, short)| short).to_owned();
        Some(Span { name, us, floor_us })
    });
    Picture::Timeline {
        title: "A request alone: what each step takes in all, and its floor below it".into(),
        spans: spans.collect(),
    }
}

/// What lies in memory, each thing once.
fn memory(findings: &[Finding]) -> Picture {
    let bars = findings.iter().flat_map(|finding| {
        let named = |(figure, bytes): &(&str, f64)| {
            let what = figure.strip_suffix("_bytes")?.replace('_', " ");
            let of = finding
                .at
                .map_or_else(String::new, |(count, of)| format!(", {} {of}", units::whole(count)));
            Some((format!("{}{of}: {what}", finding.name), *bytes))
        };
        finding.figures.iter().filter_map(named).collect::<Vec<_>>()
    });
    Picture::Bars { title: "Memory".into(), scale: Scale::Bytes, bars: bars.collect() }
}

/// What the floors of this run are computed with, and the clocks as they were found.
fn ceilings(found: &Found) -> Row {
    let mut row = Row::timed("device at best", None);
    row.figure("copy_per_second_bytes", found.ceilings.copied_bytes);
    if let Some(operations) = found.ceilings.operations {
        row.figure("product_per_second_operations", operations);
    }
    if let Some(clocks) = found.facts.clocks {
        for (name, mhz) in [
            ("processors_mhz", clocks.processors),
            ("processors_max_mhz", clocks.processors_max),
            ("memory_mhz", clocks.memory),
            ("memory_max_mhz", clocks.memory_max),
        ] {
            row.figure(name, f64::from(mhz));
        }
    }
    row
}

/// `NVIDIA H200 (driver 580.95.05, CUDA 13.0)`
fn device(facts: &Facts) -> String {
    let driver = facts.driver.as_ref().map(|version| format!("driver {version}"));
    let cuda = facts.cuda.as_ref().map(|version| format!("CUDA {version}"));
    let known: Vec<String> = driver.into_iter().chain(cuda).collect();
    if known.is_empty() {
        return facts.name.clone();
    }
    format!("{} ({})", facts.name, known.join(", "))
}

fn notes(found: &Found) -> Vec<String> {
    let mut notes = vec![
        "a floor is what must be read and computed, at what a copy (read and written, both counted) \
         and a product of large matrices did in this run; `floor share` is the floor over the p50"
            .to_owned(),
        "requests at once are rows of the same forwards, the oldest first; `floor per second` is \
         what weights that are read once for all of them, and all else for each, would allow"
            .to_owned(),
    ];
    if found.ceilings.operations.is_none() {
        let missing = "cuBLAS was not found, so that no floor counts operations: name its folder in \
                       LD_LIBRARY_PATH";
        notes.push(missing.to_owned());
    }
    notes.push(match found.facts.clocks {
        Some(clocks) => format!(
            "clocks as they were found: processors {} of {} MHz, memory {} of {} MHz",
            clocks.processors, clocks.processors_max, clocks.memory, clocks.memory_max
        ),
        None => "the clocks are not known: nvidia-smi is not there, or does not tell".to_owned(),
    });
    notes
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use hyfunc_measured::{Clocks, Work};
    use serde_json::Value as Json;

    use super::*;
    use crate::bench::report::tests::report;

    fn found() -> Found {
        let step = |name, at: Option<usize>, millis: u64, per_request| Finding {
            name,
            at: at.map(|functions| (functions, "functions")),
            samples: vec![Duration::from_millis(millis); 3],
            work: Some(Work { bytes: 4e9, operations: 1e9 }),
            per_request,
            ..Finding::default()
        };
        let requests = vec![
            step("large model reads the query", None, 4, Some(1.0)),
            step("retrieve", Some(20), 1, None),
            step("retrieve", Some(200), 1, Some(1.0)),
            step("value step, all slots", None, 2, Some(5.0)),
        ];
        let crowd = Finding {
            name: "requests",
            at: Some((8, "at once")),
            samples: vec![Duration::from_millis(20), Duration::from_millis(30)],
            elapsed: Some(Duration::from_millis(10)),
            figures: vec![("floor_per_second", 600.0)],
            ..Finding::default()
        };
        let index = Finding {
            name: "index",
            at: Some((10_000, "functions")),
            figures: vec![("index_bytes", 1e7), ("parameters", 5.0)],
            ..Finding::default()
        };
        Found {
            facts: Facts {
                name: "NVIDIA <H200>".into(),
                driver: Some("580.95.05".into()),
                cuda: Some("13.0".into()),
                clocks: Some(Clocks {
                    processors: 1755,
                    memory: 3201,
                    processors_max: 1980,
                    memory_max: 3201,
                }),
            },
            ceilings: Ceilings { copied_bytes: 4e12, operations: Some(7e14) },
            about: "two models".into(),
            requests,
            loads: vec![crowd],
            memory: vec![index],
        }
    }

    #[test]
    fn every_step_stands_beside_its_floor_and_the_machine_is_named() {
        let part = PartReport::from(&found());
        assert_eq!(part.about, "two models, on NVIDIA <H200> (driver 580.95.05, CUDA 13.0)");
        let row = |name: &str| part.rows.iter().find(|row| row.name == name).unwrap();
        // 4 GB at 4 TB/s.
        let large = row("large model reads the query");
        assert!((large.floor.unwrap().us - 1_000.0).abs() < 1e-6);
        assert_eq!(large.figures, [("floor_share", 0.25), ("in_a_request", 1.0)]);
        let crowd = row("requests");
        assert_eq!(crowd.times.unwrap().per_second, 200.0, "two in ten milliseconds");
        assert_eq!(crowd.figures, [("floor_per_second", 600.0)]);
        let best = row("device at best");
        assert_eq!(best.figures[0], ("copy_per_second_bytes", 4e12));
        assert_eq!(best.figures[2], ("processors_mhz", 1755.0));
        assert!(part.notes.iter().any(|note| note.contains("processors 1755 of 1980 MHz")));
        let Picture::Timeline { spans, .. } = &part.pictures[0] else { panic!("a timeline") };
        let spans: Vec<_> =
            spans.iter().map(|span| (span.name.as_str(), span.us, span.floor_us)).collect();
        assert_eq!(
            spans,
            [
                ("large reads", 4_000.0, 1_000.0),
                ("retrieve", 1_000.0, 1_000.0),
                ("values", 10_000.0, 5_000.0)
            ]
        );
    }

    #[test]
    fn what_is_not_known_is_said_and_not_made_up() {
        let mut found = found();
        found.facts = Facts { name: "some device".into(), ..Facts::default() };
        found.ceilings.operations = None;
        let part = PartReport::from(&found);
        assert!(part.about.ends_with("on some device"), "{}", part.about);
        for said in ["cuBLAS was not found", "clocks are not known"] {
            assert!(part.notes.iter().any(|note| note.contains(said)), "{said}");
        }
        let best = part.rows.last().unwrap();
        assert_eq!(best.figures, [("copy_per_second_bytes", 4e12)]);
    }

    #[test]
    fn it_is_told_as_text_as_json_and_as_a_page() {
        let mut report = report();
        report.parts = vec![PartReport::from(&found())];
        let text = report.to_text();
        for said in ["gpu: two models", "retrieve, 200 functions", "floor share 0.50", "8 at once"]
        {
            assert!(text.contains(said), "`{said}` is not in {text}");
        }
        let json: Json = report.to_json();
        assert_eq!(json["parts"][0]["part"], "gpu");
        assert_eq!(json["parts"][0]["rows"][0]["floor"]["bytes"], 4e9);
        let page = report.to_html();
        assert_eq!(page.matches("<svg").count(), 5, "{page}");
        assert!(
            page.contains("NVIDIA &lt;H200&gt;") && page.contains("index, 10,000 functions: index")
        );
        assert!(!page.contains("NaN") && !page.contains("parameters: "), "{page}");
    }

    #[test]
    fn what_is_typed_goes_before_what_the_paper_has() {
        let mut bench = Bench {
            config: crate::config::Config::default(),
            ceilings: crate::bench::Ceilings {
                cached_bytes: 1.0,
                memory_bytes: 1.0,
                operations: 1.0,
            },
            effort: Effort::Iterations(7),
            functions: Vec::new(),
            concurrency: Vec::new(),
            ordinal: 0,
        };
        let default = wanted(&bench);
        assert_eq!(default.functions, FUNCTIONS);
        assert_eq!((default.concurrency.as_slice(), default.limit), (AT_ONCE, Limit::Times(7)));
        bench.functions = vec![64];
        bench.concurrency = vec![2];
        bench.effort = Effort::Duration(Duration::from_secs(1));
        let limit = Limit::Within(Duration::from_secs(1));
        let typed = Wanted { functions: vec![64], concurrency: vec![2], limit };
        assert_eq!(wanted(&bench), typed);
    }
}
