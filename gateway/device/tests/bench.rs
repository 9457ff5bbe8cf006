//! The measurement of the cascade, whole, with tiny models on the host in the place of a device: every
//! line of it runs, and every row is there. What it says of times, no test asks.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::time::Duration;

use hyfunc_device::bench::{Shapes, measure};
use hyfunc_kernels::{Host, Probe};
use hyfunc_measured::{Finding, Found, Limit, Wanted};

fn wanted() -> Wanted {
    // The first library fits before a query, the second does not.
    Wanted { functions: vec![16, 40], concurrency: vec![1, 3], limit: Limit::Times(2) }
}

fn measured<M: Probe>(machine: M) -> (Found, Vec<String>) {
    let mut told = Vec::new();
    let tell = &mut |stage: &str| told.push(stage.to_owned());
    let found = measure(machine, Shapes::tiny(), &wanted(), tell).unwrap();
    (found, told)
}

fn row<'a>(rows: &'a [Finding], name: &str) -> &'a Finding {
    rows.iter().find(|row| row.name == name).unwrap_or_else(|| panic!("no {name} in {rows:?}"))
}

fn figure(row: &Finding, name: &str) -> f64 {
    let figure = row.figures.iter().find(|(figure, _)| *figure == name);
    figure.unwrap_or_else(|| panic!("no {name} in {row:?}")).1
}

#[test]
fn what_cannot_be_measured_is_an_error_that_names_it() {
    type Change = fn(&mut Shapes);
    let cases: [(Change, &str); 4] = [
        (|shapes| shapes.small.width = 12, "a multiple of 8"),
        (|shapes| shapes.large.hidden = 12_264, "at most 12,256 wide"),
        (|shapes| shapes.small.context = 20, "longer than the context"),
        (|shapes| (shapes.candidates, shapes.schema_tokens) = (65, 0), "k is 1 to 64"),
    ];
    for (change, said) in cases {
        let mut shapes = Shapes::tiny();
        change(&mut shapes);
        let refused = measure(Host::new(1), shapes, &wanted(), &mut |_| ());
        let error = refused.expect_err(said).to_string();
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn every_row_of_the_cascade_is_measured_on_the_host() {
    let (found, told) = measured(Host::new(1));
    assert_eq!(told.len(), wanted().stages(), "{told:?}");
    assert!(told.iter().any(|stage| stage == "3 requests at once"), "{told:?}");
    assert!(found.facts.name.contains("host") && found.facts.clocks.is_none());
    assert!(found.about.contains("tiny models"), "{}", found.about);
    whole(&found);
}

#[cfg(feature = "cuda")]
#[test]
#[ignore = "needs a GPU"]
fn every_row_of_the_cascade_is_measured_on_a_gpu() {
    let gpu = hyfunc_kernels::Device::open(0).expect("this test needs a GPU");
    let (found, _) = measured(gpu);
    assert!(found.facts.cuda.is_some(), "{:?}", found.facts);
    whole(&found);
    let used = figure(row(&found.memory, "device"), "used_bytes");
    assert!(used > 0.0, "{used}");
}

#[cfg(feature = "cuda")]
#[test]
fn a_gpu_that_is_not_there_is_said_to_be_missing() {
    let said = hyfunc_device::bench::check(4095).unwrap_err().to_string();
    assert!(said.contains("NVIDIA driver") || said.contains("no cuda:4095"), "{said}");
}

/// All rows are there, each with its times and what it takes at least.
#[track_caller]
fn whole(found: &Found) {
    assert!(found.ceilings.copied_bytes > 0.0 && found.ceilings.copied_bytes.is_finite());
    let names: Vec<(&str, Option<usize>)> =
        found.requests.iter().map(|row| (row.name, row.at.map(|(count, _)| count))).collect();
    let together = "whole request";
    let in_turn = "whole request, one slot after another";
    assert_eq!(
        names,
        [
            ("large model reads the query", None),
            ("retrieve", Some(16)),
            ("retrieve", Some(40)),
            ("soft token", None),
            ("small model reads query and soft token", None),
            ("injected chunks, all slots", None),
            ("value step, all slots", None),
            ("injected chunk, one slot", None),
            ("value step, one slot", None),
            ("value step, all slots, without the host", None),
            ("large model reads the query behind its library", Some(16)),
            (together, Some(16)),
            (in_turn, Some(16)),
            (together, Some(40)),
            (in_turn, Some(40)),
            ("small model reads the schemas of the functions found, once", None),
        ]
    );
    for row in &found.requests {
        assert!(!row.samples.is_empty(), "{row:?}");
        let work = row.work.unwrap();
        assert!(work.bytes > 0.0 && work.operations > 0.0, "{row:?}");
    }
    // Two slots of two tokens, once for each of two libraries, in either order.
    let count = |name: &str| row(&found.requests, name).samples.len();
    assert_eq!((count("value step, all slots"), count("value step, one slot")), (2 * 4, 4 * 4));
    assert_eq!(figure(row(&found.requests, "value step, one slot"), "in_a_request"), 4.0);
    let steps: Vec<_> = found.requests.iter().filter_map(|row| row.per_request).collect();
    assert_eq!(steps, [1.0, 1.0, 1.0, 1.0, 1.0, 2.0], "retrieval over the second library alone");
    loads(found);
    let memory: Vec<&str> = found.memory.iter().map(|row| row.name).collect();
    assert_eq!(memory, ["large model, without a head", "small model", "index", "index", "device"]);
    assert!(figure(&found.memory[0], "weights_bytes") > figure(&found.memory[1], "weights_bytes"));
}

#[track_caller]
fn loads(found: &Found) {
    let [one, three] = found.loads.as_slice() else { panic!("{:?}", found.loads) };
    for (row, at_once, least) in [(one, 1, 2), (three, 3, 3)] {
        assert_eq!(row.at, Some((at_once, "at once")));
        assert!(row.samples.len() >= least, "{row:?}");
        let elapsed = row.elapsed.unwrap();
        assert!(row.samples.iter().all(|took| *took <= elapsed), "{row:?}");
        assert!(row.samples.iter().all(|took| *took > Duration::ZERO), "{row:?}");
        assert!(figure(row, "floor_per_second") > 0.0);
        assert_eq!(figure(row, "functions"), 40.0);
    }
}
