use std::sync::Mutex;
use std::time::Instant;

use futures::future::BoxFuture;
use hyfunc_cascade::{CascadeError, DecodeRequest, Decoded, Intent, ModelInfo};
use hyfunc_sandbox::{Grants, Sandbox, SandboxConfig};

use super::*;

/// Models that remember what they were given to read.
#[derive(Default)]
struct Readers(Mutex<Vec<String>>);

impl Readers {
    /// What was read since the last time, by name.
    fn read(&self) -> Vec<String> {
        let mut names = std::mem::take(&mut *self.0.lock().unwrap());
        names.sort();
        names
    }
}

fn vector(name: &str) -> Vec<f32> {
    let mut vector = vec![0.1; 8];
    for (at, byte) in name.bytes().enumerate() {
        vector[(at + usize::from(byte)) % 8] += 1.0;
    }
    vector
}

impl Models for Readers {
    fn prepare(
        &self,
        functions: Vec<Arc<Function>>,
    ) -> BoxFuture<'_, Result<Vec<Arc<Prepared>>, CascadeError>> {
        let read = |function: Arc<Function>| {
            self.0.lock().unwrap().push(function.name.clone());
            let vector = vector(&function.name);
            Arc::new(Prepared::without_block(function, vector))
        };
        let prepared: Vec<_> = functions.into_iter().map(read).collect();
        Box::pin(async move { Ok(prepared) })
    }

    fn distil<'a>(
        &'a self,
        _query: &'a str,
        _deadline: Instant,
    ) -> BoxFuture<'a, Result<Intent, CascadeError>> {
        Box::pin(async { Err(CascadeError::Stopped) })
    }

    fn decode(&self, _request: DecodeRequest) -> BoxFuture<'_, Result<Decoded, CascadeError>> {
        Box::pin(async { Err(CascadeError::Stopped) })
    }

    fn info(&self) -> ModelInfo {
        ModelInfo {
            id: "readers".into(),
            parameters_large: 0,
            parameters_small: 0,
            digest: "00".into(),
            retrieval_threshold: -1.0,
        }
    }
}

fn sandbox() -> Sandbox {
    Sandbox::new(SandboxConfig { instances_max: 2, ..SandboxConfig::default() }).unwrap()
}

/// A plugin with functions of these names; what it was made for makes it another component.
fn plugin(sandbox: &Sandbox, name: &str, functions: &[&str], made_for: u32) -> Plugin {
    let exports = functions.iter().map(|function| {
        format!("(func (export \"{function}\") (result u32) (canon lift (core func $i \"f\")))")
    });
    let exports: String = exports.collect();
    let text = format!(
        "(component (core module $m (func (export \"f\") (result i32) (i32.const {made_for}))) \
         (core instance $i (instantiate $m)) {exports})"
    );
    let component = wat::parse_str(text).unwrap();
    sandbox.load(name, &component, &Grants::default()).unwrap()
}

fn names(library: &Library) -> Vec<&str> {
    library.entries().iter().map(|entry| entry.function().name.as_str()).collect()
}

/// The function that a search for its own vector and name finds first.
fn found(library: &Library, name: &str) -> String {
    let hits = library.search(&vector(name), name, 1).unwrap();
    hits[0].0.function().name.clone()
}

#[tokio::test]
async fn another_revision_of_the_same_functions_is_read_no_more() {
    let (sandbox, readers) = (sandbox(), Readers::default());
    let tides = plugin(&sandbox, "tides", &["high", "low"], 1);
    let moon = plugin(&sandbox, "moon", &["phase"], 1);
    let first = Library::build(&[tides, moon.clone()], &readers).await.unwrap();
    assert_eq!(readers.read(), ["high", "low", "phase"]);
    let tides = plugin(&sandbox, "tides", &["high", "low"], 2);
    let second = first.next(vec![tides.clone(), moon], &readers).await.unwrap();
    assert!(readers.read().is_empty());
    for name in ["high", "low", "phase"] {
        let (old, new) = (first.get(name).unwrap(), second.get(name).unwrap());
        assert!(Arc::ptr_eq(&old.prepared, &new.prepared), "{name}");
        // Of a plugin that did not change, nothing at all is made anew.
        assert_eq!(Arc::ptr_eq(old, new), name == "phase", "{name}");
        assert_eq!(found(&second, name), name);
    }
    assert_eq!(second.get("high").unwrap().plugin.digest(), tides.digest());
    assert_ne!(first.get("high").unwrap().plugin.digest(), tides.digest());
}

#[tokio::test]
async fn only_what_is_new_is_read_and_what_is_gone_is_found_no_more() {
    let (sandbox, readers) = (sandbox(), Readers::default());
    let tides = plugin(&sandbox, "tides", &["high", "low"], 1);
    let moon = plugin(&sandbox, "moon", &["phase"], 1);
    let first = Library::build(&[tides, moon.clone()], &readers).await.unwrap();
    readers.read();
    let tides = plugin(&sandbox, "tides", &["low", "ebb"], 2);
    let stars = plugin(&sandbox, "stars", &["name-of"], 1);
    let second = first.next(vec![tides, moon.clone(), stars], &readers).await.unwrap();
    assert_eq!(readers.read(), ["ebb", "name_of"]);
    assert_eq!(names(&second), ["low", "ebb", "phase", "name_of"]);
    assert!(second.get("high").is_none());
    for name in names(&second) {
        assert_eq!(found(&second, name), name);
    }
    // Whoever began with the first keeps it.
    assert_eq!(names(&first), ["high", "low", "phase"]);
    for name in names(&first) {
        assert_eq!(found(&first, name), name);
    }
    let third = second.next(vec![moon], &readers).await.unwrap();
    assert_eq!((names(&third), readers.read()), (vec!["phase"], vec![]));
    assert_eq!(found(&third, "low"), "phase");
}

#[tokio::test]
async fn nothing_may_be_left_and_something_come_again() {
    let (sandbox, readers) = (sandbox(), Readers::default());
    let tides = plugin(&sandbox, "tides", &["high", "low"], 1);
    let first = Library::build(&[], &readers).await.unwrap();
    let second = first.next(vec![tides.clone()], &readers).await.unwrap();
    let third = second.next(Vec::new(), &readers).await.unwrap();
    assert!(third.entries().is_empty());
    assert!(third.search(&vector("low"), "low", 1).unwrap().is_empty());
    let fourth = third.next(vec![tides], &readers).await.unwrap();
    assert_eq!(found(&fourth, "low"), "low");
    assert_eq!(fourth.plugins().len(), 1);
}

/// Plugins of the configuration may want one name; then both change it, and get it back.
#[tokio::test]
async fn a_function_whose_name_changes_is_read_again() {
    let (sandbox, readers) = (sandbox(), Readers::default());
    let tides = plugin(&sandbox, "tides", &["high"], 1);
    let mountains = plugin(&sandbox, "mountains", &["high"], 1);
    let first = Library::build(std::slice::from_ref(&tides), &readers).await.unwrap();
    let second = first.next(vec![tides.clone(), mountains], &readers).await.unwrap();
    assert_eq!(names(&second), ["tides_high", "mountains_high"]);
    assert_eq!(readers.read(), ["high", "mountains_high", "tides_high"]);
    let third = second.next(vec![tides], &readers).await.unwrap();
    assert_eq!((names(&third), readers.read()), (vec!["high"], vec!["high".to_owned()]));
}

#[tokio::test]
async fn names_that_cannot_be_told_apart_leave_the_library_as_it_was() {
    let (sandbox, readers) = (sandbox(), Readers::default());
    let tides = plugin(&sandbox, "tides", &["high"], 1);
    let first = Library::build(std::slice::from_ref(&tides), &readers).await.unwrap();
    let same = plugin(&sandbox, "tides", &["high"], 2);
    let refused = first.next(vec![tides, same], &readers).await;
    assert!(matches!(refused, Err(StartError::Names(_))));
    assert_eq!(names(&first), ["high"]);
}
