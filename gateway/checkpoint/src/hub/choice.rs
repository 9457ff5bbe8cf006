//! Which files of a repository are needed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path};

use serde::Deserialize;

use super::{HubError, Name, Sibling};

/// What describes a model, where it is there.
const DESCRIPTIONS: [&str; 10] = [
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "chat_template.jinja",
    "sentence_bert_config.json",
    "modules.json",
    "1_Pooling/config.json",
    "LICENSE",
];
const SINGLE: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";
/// Names that a message repeats.
const NAMES_MAX: usize = 20;

/// What is to be fetched.
pub(super) struct Chosen {
    pub(super) files: Vec<Sibling>,
    /// Names more of them.
    pub(super) index: Option<String>,
}

/// Descriptions, and weights of one kind.
pub(super) fn choose(
    name: &Name,
    siblings: &[Sibling],
    named: &[String],
) -> Result<Chosen, HubError> {
    let find = |path: &str| siblings.iter().find(|sibling| sibling.rfilename == path).cloned();
    let mut files: Vec<Sibling> = DESCRIPTIONS.iter().filter_map(|path| find(path)).collect();
    let mut index = None;
    if !named.is_empty() {
        for file in named {
            let found = find(file).ok_or_else(|| HubError::NoFile {
                name: name.to_string(),
                file: file.clone(),
                files: told(siblings.iter().map(|sibling| sibling.rfilename.as_str())),
            })?;
            if !files.iter().any(|other| other.rfilename == found.rfilename) {
                files.push(found);
            }
        }
    } else if let Some(found) = find(INDEX) {
        index = Some(found.rfilename.clone());
        files.push(found);
    } else if let Some(single) = find(SINGLE) {
        files.push(single);
    } else {
        files.push(only_gguf(name, siblings)?);
    }
    for file in &files {
        check_inside(name, &file.rfilename)?;
    }
    Ok(Chosen { files, index })
}

/// The shards that an index names.
pub(super) fn shards(
    name: &Name,
    siblings: &[Sibling],
    index: &str,
    body: &[u8],
) -> Result<Vec<Sibling>, HubError> {
    #[derive(Deserialize)]
    struct Index {
        weight_map: BTreeMap<String, String>,
    }
    let read: Index = serde_json::from_slice(body).map_err(|error| HubError::Answer {
        url: format!("{name}: {index}"),
        reason: error.to_string(),
    })?;
    let wanted: BTreeSet<String> = read.weight_map.into_values().collect();
    let one = |shard: String| {
        check_inside(name, &shard)?;
        let found = siblings.iter().find(|sibling| sibling.rfilename == shard).cloned();
        let (name, index) = (name.to_string(), index.to_owned());
        found.ok_or(HubError::MissingShard { name, index, shard })
    };
    wanted.into_iter().map(one).collect()
}

fn only_gguf(name: &Name, siblings: &[Sibling]) -> Result<Sibling, HubError> {
    let is_gguf = |sibling: &&Sibling| sibling.rfilename.ends_with(".gguf");
    let found: Vec<&Sibling> = siblings.iter().filter(is_gguf).collect();
    match found.as_slice() {
        [] => Err(HubError::NoWeights { name: name.to_string() }),
        [one] => Ok((*one).clone()),
        several => Err(HubError::Several {
            name: name.to_string(),
            files: told(several.iter().map(|sibling| sibling.rfilename.as_str())),
        }),
    }
}

fn check_inside(name: &Name, file: &str) -> Result<(), HubError> {
    let is_plain = |component: Component<'_>| matches!(component, Component::Normal(_));
    let is_inside = !file.is_empty()
        && !file.contains('\\')
        && !file.chars().any(char::is_control)
        && Path::new(file).components().all(is_plain);
    match is_inside {
        true => Ok(()),
        false => Err(HubError::Outside { name: name.to_string(), file: file.to_owned() }),
    }
}

fn told<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    let shown = names[..names.len().min(NAMES_MAX)].join(", ");
    match names.len().saturating_sub(NAMES_MAX) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
