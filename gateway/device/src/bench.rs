//! The cascade of the paper at its true shapes, with random weights, since time does not depend on
//! what stands in them: each step beside what it takes at least, many requests at once, and memory.
//!
//! It is generic over the machine: the host runs all of it with [`Shapes::tiny`].

mod cascade;
mod engine;
mod facts;
mod request;
mod shapes;
mod stages;
mod weights;
mod work;

use std::sync::Arc;
use std::time::{Duration, Instant};

use hyfunc_kernels::Probe;
use hyfunc_kernels::model::Shape;
use hyfunc_measured::{Ceilings, Finding, Found, Wanted};

use crate::error::DeviceError;
use cascade::Cascade;
use engine::Engine;
use work::Forward;

pub use shapes::Shapes;

/// Looks whether there is such a GPU, and lets go of it.
///
/// # Errors
/// Why there is none.
#[cfg(feature = "cuda")]
pub fn check(ordinal: usize) -> Result<(), DeviceError> {
    hyfunc_kernels::Device::open(ordinal)?;
    Ok(())
}

/// Measures `cuda:ordinal`. Blocking, some minutes.
///
/// # Errors
/// As [`measure`]; and no such GPU.
#[cfg(feature = "cuda")]
pub fn run(
    ordinal: usize,
    wanted: &Wanted,
    tell: &mut dyn FnMut(&str),
) -> Result<Found, DeviceError> {
    measure(hyfunc_kernels::Device::open(ordinal)?, Shapes::paper(), wanted, tell)
}

/// Measures a machine; `tell` is told before each stage. Blocking.
///
/// # Errors
/// No room, or a machine that fails.
pub fn measure<M: Probe>(
    machine: M,
    shapes: Shapes,
    wanted: &Wanted,
    tell: &mut dyn FnMut(&str),
) -> Result<Found, DeviceError> {
    let machine = Arc::new(machine);
    let free_before = machine.free_bytes()?;
    tell("what the device does at best");
    let ceilings = Ceilings {
        copied_bytes: machine.copied_bytes_per_second(shapes.copied_bytes)?,
        operations: machine.multiplied_operations_per_second(shapes.product_width)?,
    };
    let facts = facts::of(&*machine)?;
    tell("making weights");
    let began = Instant::now();
    let at_once = wanted.concurrency.iter().copied().max().unwrap_or(1).max(1);
    let cascade = Cascade::new(Arc::clone(&machine), shapes.clone(), at_once)?;
    let made = began.elapsed();
    tell("reading schemas");
    let pages = cascade.pages();
    let (mut engine, schemas) = Engine::new(cascade)?;
    let mut requests = stages::requests(&mut engine, wanted, tell)?;
    requests.push(read_anew(&shapes, schemas));
    let loads = stages::loads(&mut engine, wanted, &ceilings, tell)?;
    let free = [free_before, machine.free_bytes()?];
    let memory = memory(&shapes, wanted, pages, (made, free));
    Ok(Found { facts, ceilings, about: shapes.about(), requests, loads, memory })
}

/// What the small model would read more, if the schemas were not kept.
fn read_anew(shapes: &Shapes, samples: Vec<Duration>) -> Finding {
    let forward = Forward { rows: 1, tokens: shapes.schemas_tokens(), ..Forward::default() };
    let work = Some(forward.work(&shapes.small));
    let figures = vec![("tokens", shapes.schemas_tokens() as f64)];
    let name = "small model reads the schemas of the functions found, once";
    Finding { name, samples, work, figures, ..Finding::default() }
}

/// What lies on the device, and what all of it took.
fn memory(
    shapes: &Shapes,
    wanted: &Wanted,
    [large, small]: [usize; 2],
    (made, free): (Duration, [Option<usize>; 2]),
) -> Vec<Finding> {
    let model = |name, shape: &Shape, pages: usize| {
        let parameters = weights::parameters(shape) as f64;
        let figures = vec![
            ("parameters", parameters),
            ("weights_bytes", 2.0 * parameters),
            ("pages_bytes", (pages * shape.page_bytes(shapes.page_tokens)) as f64),
            ("page_tokens", (pages * shapes.page_tokens) as f64),
        ];
        Finding { name, figures, ..Finding::default() }
    };
    let mut rows = vec![
        model("large model, without a head", &shapes.large, large),
        model("small model", &shapes.small, small),
    ];
    for &functions in &wanted.functions {
        rows.push(Finding {
            name: "index",
            at: Some((functions, "functions")),
            figures: vec![("index_bytes", 2.0 * (functions * shapes.index_width) as f64)],
            ..Finding::default()
        });
    }
    let mut device = Finding {
        name: "device",
        figures: vec![("weights_made_ms", made.as_secs_f64() * 1e3)],
        ..Finding::default()
    };
    if let [Some(before), Some(after)] = free {
        device.figures.push(("free_before_bytes", before as f64));
        device.figures.push(("used_bytes", before.saturating_sub(after) as f64));
    }
    rows.push(device);
    rows
}
