//! `hyfunc bench gpu` from one end to the other, but for the GPU: tiny models over the kernels as host
//! C++, measured, and told as text, as JSON and as a page.

use std::time::Duration;

use hyfunc::bench::{Ceilings, Effort, Machine, PartReport, Picture, Report};
use hyfunc_device::bench::{Shapes, measure};
use hyfunc_kernels::Host;
use hyfunc_measured::{Limit, Wanted};

#[test]
fn what_was_measured_on_a_device_is_told_whole() {
    let limit = Limit::Within(Duration::from_millis(20));
    let wanted = Wanted { functions: vec![16, 33], concurrency: vec![1, 2], limit };
    let found = measure(Host::new(1), Shapes::tiny(), &wanted, &mut |_| ()).unwrap();
    let report = Report {
        machine: Machine::here(),
        models: ("none".into(), String::new()),
        ceilings: Ceilings { cached_bytes: 1.0, memory_bytes: 1.0, operations: 1.0 },
        effort: Effort::Duration(Duration::from_millis(20)),
        parts: vec![PartReport::from(&found)],
    };
    let text = report.to_text();
    for said in [
        "gpu: tiny models with random weights of bf16",
        "on the host in place of a device",
        "large model reads the query",
        "retrieve, 33 functions",
        "whole request, one slot after another, 16 functions",
        "requests, 2 at once",
        "floor share",
        "floor per second",
        "weights",
        "device at best",
        "the clocks are not known",
    ] {
        assert!(text.contains(said), "`{said}` is not in {text}");
    }
    let Picture::Timeline { spans, .. } = &report.parts[0].pictures[0] else {
        panic!("a timeline comes first")
    };
    let steps: Vec<&str> = spans.iter().map(|span| span.name.as_str()).collect();
    let short = ["large reads", "retrieve", "soft token", "small reads", "fixed text", "values"];
    assert_eq!(steps, short, "names that fit beside a timeline");
    let json = report.to_json();
    let rows = json["parts"][0]["rows"].as_array().unwrap();
    assert!(rows.len() >= 20, "{rows:?}");
    // No number came out as one that JSON does not have.
    for row in rows {
        for (name, figure) in row["figures"].as_object().unwrap() {
            assert!(figure.as_f64().is_some_and(f64::is_finite), "{name}: {row}");
        }
        for key in ["p50_us", "p99_us", "per_second"] {
            let time = row["times"].get(key);
            assert!(time.is_none_or(|time| time.as_f64().is_some_and(|time| time > 0.0)), "{row}");
        }
    }
    let page = report.to_html();
    assert!(page.contains("<h2 id=\"gpu\">"));
    assert_eq!(page.matches("<svg").count(), 5, "a picture of each kind");
    assert!(!page.contains("NaN"), "every number is one");
}
