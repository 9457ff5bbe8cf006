//! What is published: a bundled plugin, marked so that nothing is known of it, small and large.

use axum::body::{Body, Bytes};
use axum::http::Request;
use axum::http::header::CONTENT_TYPE;
use hyfunc_functions::component::read_component;
use hyfunc_functions::section::{CORE_MODULE, append, append_custom, sections};
use hyfunc_plugins::Bundled;
use hyfunc_sandbox::Grants;

use super::NAME;
use crate::bench::BenchError;

/// Bytes of a large component, at least.
const LARGE_BYTES: usize = 1_000_000;

/// The largest of the bundled plugins that asks for nothing, and a call of it.
pub(super) struct Subject {
    /// The plugin's name.
    pub name: &'static str,
    /// Its component.
    pub small: Bytes,
    /// The same with more code in it.
    pub large: Bytes,
    function: String,
    arguments: Bytes,
}

impl Subject {
    /// Looks for it.
    pub fn find() -> Result<Self, BenchError> {
        let modest = |bundled: &&Bundled| {
            Grants::parse(bundled.grants).is_ok_and(|grants| grants.is_empty())
        };
        let modest: Vec<&Bundled> = hyfunc_plugins::bundled().iter().filter(modest).collect();
        let by_size = |bundled: &&&Bundled| bundled.component.len();
        let largest = modest.iter().max_by_key(by_size).ok_or(BenchError::NoExamples)?;
        let smallest = modest.iter().min_by_key(by_size).ok_or(BenchError::NoExamples)?;
        let read = read_component(NAME, largest.component);
        let functions = read.map_err(|_| BenchError::NoExamples)?.functions;
        let with_example = functions.iter().find_map(|function| {
            let example = function.examples.first()?;
            Some((function, example))
        });
        let (function, example) = with_example.ok_or(BenchError::NoExamples)?;
        let arguments = serde_json::to_vec(&example.arguments).map_err(BenchError::Format)?;
        let filling = largest_module(smallest.component).ok_or(BenchError::NoExamples)?;
        Ok(Self {
            name: largest.name,
            small: Bytes::from_static(largest.component),
            large: filled(largest.component, filling).into(),
            function: function.name.clone(),
            arguments: arguments.into(),
        })
    }

    /// A call of the one under the name that is measured.
    pub fn call(&self) -> Request<Body> {
        Request::post(format!("/v1/functions/{}", self.function))
            .header(CONTENT_TYPE, "application/json")
            .body(Body::from(self.arguments.clone()))
            .expect("a path and a header of our own")
    }
}

/// A component with a mark that makes it another one: nothing is known of it.
pub(in crate::bench) fn marked(component: &[u8], mark: u64) -> Bytes {
    let mut marked = component.to_vec();
    append_custom(&mut marked, "mark", &mark.to_le_bytes());
    marked.into()
}

/// A component with so many copies of a core module, which nobody instantiates, that it is large.
fn filled(component: &[u8], module: &[u8]) -> Vec<u8> {
    let mut filled = component.to_vec();
    while filled.len() < LARGE_BYTES {
        append(&mut filled, CORE_MODULE, module);
    }
    filled
}

/// The largest core module in a component; nothing where there is none.
fn largest_module(component: &[u8]) -> Option<&[u8]> {
    let mut largest: Option<&[u8]> = None;
    for section in sections(component).ok()? {
        let section = section.ok()?;
        let module = component.get(section.contents)?;
        let is_larger = largest.is_none_or(|largest| largest.len() < module.len());
        if section.id == CORE_MODULE && is_larger {
            largest = Some(module);
        }
    }
    largest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marked_component_is_another_one_of_the_same_functions() {
        let subject = Subject::find().unwrap();
        let read = |bytes: &[u8]| read_component(NAME, bytes).unwrap().functions;
        for component in [&subject.small, &subject.large] {
            let (one, two) = (marked(component, 1), marked(component, 2));
            assert_ne!(one, two);
            assert_eq!(read(&one), read(&two));
            assert_eq!(read(&one), read(&subject.small));
            assert!(read(&one).iter().any(|function| function.name == subject.function));
        }
        assert!(subject.small.len() < LARGE_BYTES && subject.large.len() >= LARGE_BYTES);
        assert!(subject.large.len() < 2 * LARGE_BYTES, "{}", subject.large.len());
    }

    #[test]
    fn a_component_that_ends_early_has_no_module() {
        let whole = Subject::find().unwrap().small;
        assert!(largest_module(&whole).is_some_and(|module| module.starts_with(b"\0asm")));
        for bytes in [0, 4, 9, 10, whole.len() - 1] {
            assert_eq!(largest_module(&whole[..bytes]), None, "{bytes}");
        }
    }
}
