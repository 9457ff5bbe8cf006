//! Plugins in OCI registries: pushed, pulled, signed and verified.

mod error;
mod file;
mod index;
mod password;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hyfunc_distribution::{
    Access, Artifact, Credentials, Description, Digest, Found, PrivateKey, Progress, PublicKey,
    Reference, Registry, RegistryError, Signer, TrustedRoot,
};
use hyfunc_functions::component::{read_component, surface};
use hyfunc_sandbox::{Grants, GrantsError};
use indicatif::{ProgressBar, ProgressStyle};

use super::AuthorError;
use super::grants::describe;
use super::subject::Subject;
use crate::cli::{AccessArgs, PullArgs, PushArgs, SignArgs, VerifyArgs};
use crate::clock;
use crate::commands::CommandError;
use crate::config::Config;

pub use error::DistributionError;
pub use index::index;

/// What to do with an artifact that has no good signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Policy {
    /// Do not use it
    Require,
    /// Say so, and use it
    Warn,
    /// Do not look
    Off,
}

/// Stores a plugin in a registry, and signs it where a key is named.
///
/// # Errors
/// A plugin that cannot be read, a registry that cannot be used, a tag that is taken.
pub async fn push(args: &PushArgs) -> Result<String, CommandError> {
    let source = Subject::open(&args.plugin)?.source;
    read_component(&source.name, &source.component)?;
    let refused = |error: GrantsError| AuthorError::Grants {
        path: args.plugin.with_extension("grants.toml"),
        source: Box::new(error),
    };
    let grants = Grants::parse(&source.grants).map_err(refused)?;
    grants.check_component(Digest::of(&source.component).hex()).map_err(refused)?;
    // A key that does not open is found before anything is stored.
    let key = args.store.key.as_deref().map(private_key).transpose()?;
    let (mut registry, reference) = open(&args.reference, &args.store.access)?;
    let names = surface(&source.component);
    let description = Description {
        title: format!("{}.wasm", source.name),
        imports: names.imports,
        exports: names.exports,
        grants: (!grants.is_empty()).then(|| source.grants.clone().into_owned()),
        created_s: clock::now_s(),
    };
    let component = source.component.into_owned();
    let bytes = component.len() as u64;
    let (bar, progress) = progress("pushing", bytes);
    let pushed = hyfunc_distribution::push(
        &mut registry,
        &reference,
        component,
        &description,
        args.store.replace,
        progress,
    );
    let pushed = pushed.await;
    bar.finish_and_clear();
    let pushed = pushed.map_err(DistributionError::from)?;
    let pinned = reference.pinned(&pushed.digest);
    let mut text = match pushed.is_new {
        true => format!("pushed {pinned}, {bytes} bytes\n"),
        false => format!("{pinned} is there already, unchanged\n"),
    };
    match key {
        Some(key) => text.push_str(&signed(&mut registry, &pinned, &key).await?),
        None => {
            let _ = writeln!(text, "sign it with `hyfunc plugin sign {pinned} --key FILE`");
        }
    }
    Ok(text)
}

/// Brings a plugin from a registry.
///
/// # Errors
/// A plugin that is not there, is not trusted or is damaged; a file that is in the way.
pub async fn pull(config: &Config, args: &PullArgs) -> Result<String, CommandError> {
    let key = match (&args.key, args.verify) {
        (Some(path), Policy::Require | Policy::Warn) => Some(public_key(path)?),
        (None, Policy::Require) => return Err(DistributionError::NoKey.into()),
        _ => None,
    };
    let (mut registry, reference) = open(&args.reference, &args.access)?;
    let found = hyfunc_distribution::resolve(&mut registry, &reference).await;
    let artifact = found.map_err(DistributionError::from)?;
    let trust = match args.verify {
        Policy::Off => "not verified (--verify off)".to_owned(),
        policy => {
            let signed_as = args.signed_as.as_deref();
            match trusted(&mut registry, &artifact, key.as_ref(), signed_as).await {
                Ok(trust) => trust,
                Err(error) if policy == Policy::Warn && error.is_about_trust() => {
                    eprintln!("hyfunc: warning: {error}");
                    "NOT VERIFIED, see the warning".to_owned()
                }
                Err(error) => return Err(error.into()),
            }
        }
    };
    let out = args.out.clone().unwrap_or_else(|| default_out(&reference));
    let bytes_max = config.sandbox.component_bytes_max as u64;
    let size = artifact.component().map_err(DistributionError::from)?.size;
    let (bar, progress) = progress("pulling", size);
    let component =
        hyfunc_distribution::component(&mut registry, &artifact, bytes_max, &progress).await;
    bar.finish_and_clear();
    let component = component.map_err(DistributionError::from)?;
    let name = out.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let functions = read_component(&name, &component)?.functions.len();
    let wishes = wishes(&artifact, &out)?;
    file::replace(&out, &component, args.force)?;
    let mut text = format!(
        "{}: {functions} functions, {size} bytes, from {}\n{trust}\n",
        out.display(),
        artifact.reference
    );
    if let Some(wishes) = wishes {
        let path = out.with_extension("grants.toml");
        let _ = writeln!(text, "it wishes for: {}", describe(&wishes.grants));
        if args.grants {
            file::replace(&path, wishes.text.as_bytes(), args.force)?;
            let _ = writeln!(text, "{} grants that to whoever serves it", path.display());
        } else {
            let _ = writeln!(text, "which it is not granted; --grants writes {}", path.display());
        }
    }
    let _ = writeln!(text, "serve it with `hyfunc serve --plugin {}`", out.display());
    Ok(text)
}

/// Signs a plugin in a registry.
///
/// # Errors
/// A key that cannot be used, a plugin that is not there, a registry that cannot be used.
pub async fn sign(args: &SignArgs) -> Result<String, CommandError> {
    let key = private_key(&args.key)?;
    let (mut registry, reference) = open(&args.reference, &args.access)?;
    Ok(signed(&mut registry, &reference, &key).await?)
}

/// Says whether a plugin or a list in a registry is signed, by a key or an identity.
///
/// # Errors
/// It is not, or that cannot be found out.
pub async fn verify(args: &VerifyArgs) -> Result<String, CommandError> {
    Ok(verified(args).await?)
}

async fn verified(args: &VerifyArgs) -> Result<String, DistributionError> {
    let key = args.key.as_deref().filter(|_| args.trusted_root.is_none());
    let key = key.map(public_key).transpose()?;
    let root = args.trusted_root.as_deref().map(trusted_root).transpose()?;
    let signed_as = args.signed_as.as_deref().map(str::parse::<Reference>).transpose();
    let signed_as = signed_as.map_err(RegistryError::from)?;
    let (mut registry, reference) = open(&args.reference, &args.access)?;
    let found = hyfunc_distribution::find(&mut registry, &reference).await?;
    let missing = || RegistryError::NotFound { what: reference.to_string() };
    let Found { reference, manifest, .. } = found.ok_or_else(missing)?;
    let by = match (root, key) {
        (Some(root), _) => {
            let identity = args.identity.clone().unwrap_or_default();
            let signers = [Signer { identity, issuer: args.issuer.clone().unwrap_or_default() }];
            let (registry, signers) = (&mut registry, &signers);
            let verified = hyfunc_distribution::verify_keyless(
                registry, &reference, &manifest, &root, signers,
            );
            verified.await?.to_string()
        }
        (None, Some(key)) => {
            let (registry, keys) = (&mut registry, std::slice::from_ref(&key));
            let (digest, signed_as) = (&manifest.digest, signed_as.as_ref());
            let verified =
                hyfunc_distribution::verify_any(registry, &reference, digest, keys, signed_as);
            format!("the key {}", verified.await?.fingerprint())
        }
        (None, None) => return Err(DistributionError::NoKey),
    };
    Ok(format!("{reference}\nsigned by {by}\n"))
}

fn trusted_root(path: &Path) -> Result<TrustedRoot, DistributionError> {
    TrustedRoot::read(&file::read_small(path)?)
        .map_err(|source| DistributionError::Root { path: path.to_owned(), source })
}

/// Makes a pair of keys; gives what to do with them.
///
/// # Errors
/// Files that are in the way, or no password.
pub fn generate_key(prefix: &Path) -> Result<String, CommandError> {
    let with = |extension: &str| {
        let mut path = prefix.as_os_str().to_owned();
        path.push(extension);
        PathBuf::from(path)
    };
    let (private, public) = (with(".key"), with(".pub"));
    for path in [&private, &public] {
        if path.exists() {
            return Err(DistributionError::Exists { path: path.clone() }.into());
        }
    }
    let password = password::new()?;
    let generated = PrivateKey::generate(&password);
    let (key, text) =
        generated.map_err(|source| DistributionError::Key { path: private.clone(), source })?;
    file::create_private(&private, text.as_bytes())?;
    if let Err(error) = file::replace(&public, key.public().to_pem().as_bytes(), false) {
        // Both or none: nobody knows yet of the one that is there.
        let _ = std::fs::remove_file(&private);
        return Err(error.into());
    }
    let print = key.public().fingerprint();
    let (private, public) = (private.display(), public.display());
    Ok(format!(
        "{private}: signs; keep it and its password to yourself\n\
         {public}: checks signatures (key {print}); give it to everybody who pulls\n"
    ))
}

fn open(reference: &str, args: &AccessArgs) -> Result<(Registry, Reference), DistributionError> {
    let reference = reference.parse::<Reference>().map_err(RegistryError::from)?;
    let authority = match &args.ca {
        Some(path) => Some((path.clone(), file::read_small(path)?)),
        None => None,
    };
    let credentials = match &args.user {
        Some(user) => Some(Credentials::new(user, &password::of_registry(reference.registry())?)),
        None => Credentials::stored(reference.registry())?,
    };
    let access = Access { authority, plain_http: args.plain_http, credentials };
    Ok((Registry::new(&reference, access)?, reference))
}

async fn signed(
    registry: &mut Registry,
    reference: &Reference,
    key: &PrivateKey,
) -> Result<String, DistributionError> {
    let found = hyfunc_distribution::find(registry, reference).await?;
    let missing = || RegistryError::NotFound { what: reference.to_string() };
    let Found { reference, manifest, .. } = found.ok_or_else(missing)?;
    let signing = hyfunc_distribution::sign_manifest(registry, &reference, &manifest.digest, key);
    let is_new = signing.await?;
    let print = key.public().fingerprint();
    Ok(match is_new {
        true => format!("signed {reference} with the key {print}\n"),
        false => format!("{reference} is signed with the key {print} already\n"),
    })
}

async fn trusted(
    registry: &mut Registry,
    artifact: &Artifact,
    key: Option<&PublicKey>,
    signed_as: Option<&str>,
) -> Result<String, DistributionError> {
    let key = key.ok_or(DistributionError::NoKey)?;
    let signed_as = signed_as.map(str::parse::<Reference>).transpose();
    let signed_as = signed_as.map_err(RegistryError::from)?;
    hyfunc_distribution::verify(registry, artifact, key, signed_as.as_ref()).await?;
    Ok(format!("signed by the key {}", key.fingerprint()))
}

fn public_key(path: &Path) -> Result<PublicKey, DistributionError> {
    PublicKey::from_pem(&file::read_text(path)?)
        .map_err(|source| DistributionError::Key { path: path.to_owned(), source })
}

fn private_key(path: &Path) -> Result<PrivateKey, DistributionError> {
    let text = file::read_text(path)?;
    let password = match PrivateKey::is_sealed(&text) {
        true => password::of_key(path)?,
        false => String::new(),
    };
    PrivateKey::from_pem(&text, &password)
        .map_err(|source| DistributionError::Key { path: path.to_owned(), source })
}

/// `tides.wasm`, of `ghcr.io/me/tides:1.0.0`.
fn default_out(reference: &Reference) -> PathBuf {
    let name = reference.repository().rsplit('/').next().unwrap_or("plugin");
    PathBuf::from(format!("{name}.wasm"))
}

/// What an artifact asks for.
struct Wishes {
    text: String,
    grants: Grants,
}

fn wishes(artifact: &Artifact, out: &Path) -> Result<Option<Wishes>, CommandError> {
    let Some(text) = artifact.grants() else { return Ok(None) };
    let grants = Grants::parse(text).map_err(|error| AuthorError::Grants {
        path: out.with_extension("grants.toml"),
        source: Box::new(error),
    })?;
    Ok(Some(Wishes { text: text.to_owned(), grants }))
}

/// A bar over bytes: drawn in a terminal, nothing elsewhere.
fn progress(what: &'static str, bytes: u64) -> (ProgressBar, Progress) {
    let style =
        ProgressStyle::with_template("{prefix:>8} [{bar:30}] {bytes}/{total_bytes} {eta} left");
    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = ProgressBar::new(bytes).with_style(style).with_prefix(what);
    let seen = bar.clone();
    (bar, Arc::new(move |bytes| seen.set_position(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pulled_plugin_is_called_as_its_repository() {
        let reference: Reference = "ghcr.io/me/deep/tides:1.0.0".parse().unwrap();
        assert_eq!(default_out(&reference), PathBuf::from("tides.wasm"));
    }
}
