//! A tool that waits: what most tools do, for they ask a service somewhere.

mod bindings {
    wit_bindgen::generate!({ world: "plugin", path: "wit" });
}

use std::time::Duration;

use bindings::exports::local::service::service::Guest;

/// The plugin.
pub struct Plugin;

impl Guest for Plugin {
    fn wait(ms: u32) -> u32 {
        std::thread::sleep(Duration::from_millis(ms.into()));
        ms
    }
}

#[cfg(target_family = "wasm")]
bindings::export!(Plugin with_types_in bindings);
