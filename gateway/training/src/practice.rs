//! Practice plugins: made-up ones over many topics, of which there is nothing but what models read,
//! so that training meets functions that are not of the bundled library.
//!
//! Each is two files of `practice/`: `NAME.wit`, which is read as a plugin's own is, and `NAME.txt`,
//! a phrase file with the pools of `pools.txt` and its own.

use std::sync::Arc;

use hyfunc_functions::Function;
use hyfunc_functions::component::{outline, read_component};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use crate::error::TrainingError;
use crate::phrases::{Phrases, Utterance};

/// Name, WIT and phrases of each, by name; `build.rs` writes the list.
const FILES: &[(&str, &str, &str)] = include!(concat!(env!("OUT_DIR"), "/practice.rs"));

/// Share of requests that mean calls of several functions.
const SEVERAL_SHARE: f64 = 0.16;

/// Share of requests that mean one function with several values side by side.
const AGAIN_SHARE: f64 = 0.2;

/// A practice plugin.
#[derive(Clone, Debug)]
pub(crate) struct Plugin {
    /// The name of its files.
    pub(crate) name: &'static str,
    /// All its functions.
    pub(crate) functions: Vec<Arc<Function>>,
    phrases: Phrases,
}

/// Reads all practice plugins, in the order of their names.
///
/// # Errors
/// Files that are not well formed, which the tests of this module say more about.
pub(crate) fn plugins() -> Result<Vec<Plugin>, TrainingError> {
    FILES.par_iter().map(|&(name, wit, phrases)| plugin(name, wit, phrases)).collect()
}

fn plugin(name: &'static str, wit: &str, phrases: &str) -> Result<Plugin, TrainingError> {
    let functions = functions(name, wit).map_err(|reason| TrainingError::Unusable {
        path: format!("practice/{name}.wit"),
        reason,
    })?;
    Ok(Plugin { name, functions, phrases: Phrases::alone(&file(name), phrases)? })
}

/// The functions that the library would have of such a plugin, or what is wrong with it.
fn functions(name: &str, wit: &str) -> Result<Vec<Arc<Function>>, String> {
    let sources = [(format!("{name}.wit"), wit.to_owned())];
    let component = outline(&sources, None).map_err(|error| error.to_string())?;
    let read = read_component(name, &component).map_err(|error| error.to_string())?;
    if let Some(refused) = read.refused.first() {
        return Err(format!("`{}`: {}", refused.name, refused.reason));
    }
    Ok(read.functions.into_iter().map(Arc::new).collect())
}

/// What errors call the file of its phrases.
fn file(name: &str) -> String {
    format!("practice/{name}.txt")
}

impl Plugin {
    /// Says something that one of its functions answers, or several together.
    pub(crate) fn wish(&self, rng: &mut ChaCha8Rng) -> Utterance {
        let said = match rng.random::<f64>() {
            drawn if drawn < SEVERAL_SHARE => {
                Some(self.phrases.several(rng)).filter(|said| !said.text.is_empty())
            }
            drawn if drawn < SEVERAL_SHARE + AGAIN_SHARE => self.phrases.again(rng),
            _ => None,
        };
        said.unwrap_or_else(|| self.phrases.sample(rng))
    }

    /// Says at most so many different things that one of its functions answers.
    pub(crate) fn repeated(&self, count: usize, rng: &mut ChaCha8Rng) -> Vec<Utterance> {
        self.phrases.repeated(count, rng)
    }

    /// Says something that is about the same things and that none of its functions answers; `None`
    /// when it has no such phrases.
    pub(crate) fn none(&self, rng: &mut ChaCha8Rng) -> Option<String> {
        Some(self.phrases.none(rng)).filter(|text| !text.is_empty())
    }
}

#[cfg(test)]
mod tests;
