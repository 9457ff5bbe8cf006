//! What a guest finds on the other side of its imports.

pub(crate) mod address;
pub(crate) mod client;
pub(crate) mod config;
pub(crate) mod context;
pub(crate) mod http;
pub(crate) mod keyvalue;
pub(crate) mod log;
pub(crate) mod space;
pub(crate) mod state;

use wasmtime::component::{HasSelf, Linker};

use crate::host::state::State;

/// Generated from `wit/`.
#[allow(missing_docs, unused_qualifications, clippy::all, clippy::too_many_lines)]
pub(crate) mod bindings {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "hyfunc:plugin/imports",
        imports: {
            "wasi:keyvalue/store.open": async | trappable,
            "wasi:keyvalue/store.[method]bucket.set": async | trappable,
            "wasi:keyvalue/store.[method]bucket.delete": async | trappable,
            "wasi:keyvalue/atomics.increment": async | trappable,
            default: trappable,
        },
        with: {
            "wasi:keyvalue/store.bucket": crate::host::keyvalue::Bucket,
        },
        trappable_error_type: {
            "wasi:keyvalue/store.error" => crate::host::keyvalue::KeyValueError,
        },
        require_store_data_send: true,
    });
}

/// Everything that a component may import. What it may do with it, its grants say.
pub(crate) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_async(linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(linker)?;
    bindings::Imports::add_to_linker::<State, HasSelf<State>>(linker, |state| state)
}

/// The same, and WASI 0.3 beside it: over the same state, and so within the same grants and limits.
/// A component may import of both.
pub(crate) fn link_concurrent(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    link(linker)?;
    wasmtime_wasi::p3::add_to_linker(linker)?;
    wasmtime_wasi_http::p3::add_to_linker(linker)
}
