//! `hyfunc plugin index`: a list of components that lie in one repository.

use std::fmt::Write as _;

use hyfunc_distribution::{Artifact, Entry, Index, Reference, Registry, RegistryError};

use super::{DistributionError, open, private_key, signed};
use crate::cli::IndexArgs;
use crate::commands::CommandError;

/// Writes a list of components under a tag, and signs it where a key is named.
///
/// # Errors
/// An entry that cannot be read or is not there, a registry that cannot be used, a tag that is taken.
pub async fn index(args: &IndexArgs) -> Result<String, CommandError> {
    Ok(write(args).await?)
}

async fn write(args: &IndexArgs) -> Result<String, DistributionError> {
    // A key that does not open is found before anything is stored.
    let key = args.store.key.as_deref().map(private_key).transpose()?;
    let (mut registry, reference) = open(&args.reference, &args.store.access)?;
    let tag = match (reference.digest(), reference.tag()) {
        (None, Some(tag)) => tag.to_owned(),
        (digest, _) => {
            let reason = match digest {
                Some(_) => "is pinned to a digest, which only the content makes",
                None => "names no tag",
            };
            let (name, reference) = (reference.name(), reference.to_string());
            return Err(RegistryError::NoTag { reference, reason, name }.into());
        }
    };
    let mut entries: Vec<Entry> = Vec::with_capacity(args.entries.len());
    for written in &args.entries {
        let entry = entry(&mut registry, &reference, written).await?;
        if entries.iter().any(|other| other.name == entry.name) {
            return Err(DistributionError::EntryTwice { name: entry.name });
        }
        entries.push(entry);
    }
    let mut text = String::new();
    let index = Index { entries };
    let bytes = index.to_bytes();
    let pinned = reference.pinned(&hyfunc_distribution::Digest::of(&bytes));
    match registry.manifest(&tag).await? {
        Some(there) if there.bytes == bytes => {
            let _ = writeln!(text, "{pinned} is there already, unchanged");
        }
        Some(there) if !args.store.replace => {
            let (reference, existing) = (reference.to_string(), there.digest.to_string());
            return Err(RegistryError::Taken { reference, existing }.into());
        }
        _ => {
            registry.put_index(&tag, bytes).await?;
            let _ = writeln!(text, "wrote {pinned}");
        }
    }
    for entry in &index.entries {
        let _ = writeln!(text, "  {}  {}", entry.name, entry.digest);
    }
    match key {
        Some(key) => text.push_str(&signed(&mut registry, &pinned, &key).await?),
        None => {
            let _ = writeln!(text, "sign it with `hyfunc plugin sign {pinned} --key FILE`");
        }
    }
    Ok(text)
}

/// `NAME=TAG` or `NAME=sha256:…`, of a component in the list's repository.
async fn entry(
    registry: &mut Registry,
    list: &Reference,
    written: &str,
) -> Result<Entry, DistributionError> {
    let wrong = || DistributionError::Entry { written: written.to_owned() };
    let (name, wanted) = written.split_once('=').ok_or_else(wrong)?;
    if name.is_empty() || wanted.is_empty() {
        return Err(wrong());
    }
    let mark = if wanted.starts_with("sha256:") { '@' } else { ':' };
    let reference = format!("{}{mark}{wanted}", list.name());
    let reference = reference.parse::<Reference>().map_err(RegistryError::from)?;
    let fetched = registry.manifest(&reference.wanted()).await?;
    let missing = || RegistryError::NotFound { what: reference.to_string() };
    let fetched = fetched.ok_or_else(missing)?;
    let artifact = Artifact::read(&reference, &fetched)?;
    let size = fetched.bytes.len() as u64;
    Ok(Entry { name: name.to_owned(), digest: artifact.digest, size })
}
