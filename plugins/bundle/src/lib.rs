//! The bundled tool plugins, built, packed and embedded.
//!
//! The build script builds every plugin beside this crate as a component for wasm32-wasip2 and
//! packs what its WIT says into it.

/// A plugin that comes with the gateway.
#[derive(Clone, Copy, Debug)]
pub struct Bundled {
    /// Such as `dates`.
    pub name: &'static str,
    /// The component, with its docs.
    pub component: &'static [u8],
    /// Text of its `grants.toml`.
    pub grants: &'static str,
    /// Text of its own WIT files.
    pub wit: &'static str,
}

include!(concat!(env!("OUT_DIR"), "/bundled.rs"));

/// Every bundled plugin, by name.
pub fn bundled() -> &'static [Bundled] {
    BUNDLED
}

/// The component of a fixture for tests: `hostile` misbehaves, `types` hands every type back,
/// `conformance` is what the conformance suite of MCP calls.
pub fn fixture(name: &str) -> Option<&'static [u8]> {
    FIXTURES.iter().find(|(fixture, _)| *fixture == name).map(|(_, component)| *component)
}

#[cfg(test)]
mod tests;
