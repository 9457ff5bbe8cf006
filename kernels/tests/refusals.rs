//! What launchers refuse before anything runs, and what they say.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]
#![cfg(host_build)]

use hyfunc_kernels::{AddRmsNorm, Element, Float, Gemv, Host, KernelError, Retrieve, Tensor};

fn poisoned(element: Element, len: usize) -> Tensor<Host> {
    Tensor::poisoned(&Host::new(1), element, len).unwrap()
}

fn norm(rows: usize, width: usize, element: Element, len: usize) -> Result<(), KernelError> {
    AddRmsNorm {
        float: Float::F16,
        rows,
        width,
        epsilon: 1e-6,
        branch: None,
        residual: &mut poisoned(element, len),
        weight: &poisoned(Element::F16, width.min(20_000)),
        out: &mut poisoned(Element::F16, len),
    }
    .launch(&Host::new(1))
}

fn gemv(rows: usize) -> Result<(), KernelError> {
    Gemv {
        float: Float::Bf16,
        wide: false,
        rows,
        width_in: 8,
        width_out: 1,
        x: &poisoned(Element::Bf16, rows * 8),
        weights: &poisoned(Element::Bf16, 8),
        out: &mut poisoned(Element::Bf16, rows),
    }
    .launch(&Host::new(1))
}

fn retrieve(k: usize) -> Result<(), KernelError> {
    Retrieve {
        float: Float::F16,
        width_in: 8,
        width: 8,
        count: 1,
        k,
        state: &poisoned(Element::F16, 8),
        projection: &poisoned(Element::F16, 64),
        index: &poisoned(Element::F16, 8),
        projected: &mut poisoned(Element::F32, 8),
        best: &mut poisoned(Element::U64, k),
        ids: &mut poisoned(Element::U32, k),
        scores: &mut poisoned(Element::F32, k),
    }
    .launch(&Host::new(1))
}

#[test]
fn each_refusal_names_the_argument_and_the_rule() {
    let cases = [
        (norm(2, 8, Element::F16, 15), "`residual` must hold at least 16 f16; it holds 15 f16"),
        (norm(2, 8, Element::Bf16, 16), "`residual` must hold at least 16 f16; it holds 16 bf16"),
        (norm(usize::MAX, 8, Element::F16, 16), "`residual` must hold at least"),
        (norm(1, 12_257, Element::F16, 12_257), "48 KiB of shared memory"),
        (retrieve(0), "k is 1 to 64; it is 0"),
        (retrieve(65), "k is 1 to 64; it is 65"),
    ];
    for (outcome, said) in cases {
        let error = outcome.unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn limits_themselves_pass() {
    assert_eq!(norm(1, 12_256, Element::F16, 12_256), Ok(()));
    assert_eq!(gemv(8), Ok(()));
    assert_eq!(gemv(9), Ok(()));
    assert_eq!(retrieve(64), Ok(()));
}

/// A tensor may be longer than its shape: buffers are made for the largest bucket.
#[test]
fn a_longer_tensor_fits() {
    assert_eq!(norm(2, 8, Element::F16, 100), Ok(()));
}
