//! `hyfunc models`: fetching, listing and verifying checkpoints.

use std::fmt::Write as _;
use std::path::PathBuf;

use hyfunc_checkpoint::hub::{Held, Hub, HubSettings, Manifest, Progress, held};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Value as Json, json};

use super::{CommandError, Verdict};
use crate::cli::{ListModelsArgs, PullModelArgs, VerifyModelsArgs};
use crate::config::{ModelsConfig, cache_dir};
use crate::stock;

/// Fetches a checkpoint.
///
/// # Errors
/// A hub that does not have it, or a disk that does not take it.
pub async fn pull_model(args: &PullModelArgs) -> Result<String, CommandError> {
    let out = match &args.out {
        Some(out) => out.clone(),
        None => folder().join(args.name.folder()),
    };
    std::fs::create_dir_all(&out)
        .map_err(|source| CommandError::File { path: out.clone(), source })?;
    let hub = Hub::new(&HubSettings::from_environment())?;
    let bar = Bar::new();
    let pulled = hub.pull(&args.name, &args.file, &out, &bar).await;
    bar.0.finish_and_clear();
    let manifest = pulled?;
    Ok(format!(
        "{}@{} is in {}: {} files, {} bytes\n",
        manifest.repository,
        manifest.commit,
        out.display(),
        manifest.files.len(),
        manifest.bytes()
    ))
}

/// What the stock preset serves, and the memory that it takes. Blocking: it is read whole.
///
/// # Errors
/// A checkpoint that cannot be used.
pub fn stock_model(models: &ModelsConfig) -> Result<String, CommandError> {
    let checkpoint = stock::checkpoint(models)?;
    let held = checkpoint.model.footprint();
    Ok(format!(
        "{}\n  from      {}\n  weights   {} bytes in memory ({}): layers {}, head {}, embedding {}\n  \
         a token   {} bytes of keys and values\n",
        checkpoint.id,
        models.checkpoint,
        held.weights_bytes(),
        models.weights,
        held.layers_bytes,
        held.head_bytes,
        held.embedding_bytes,
        held.token_bytes
    ))
}

/// Lists the checkpoints that were fetched.
///
/// # Errors
/// A folder that cannot be read.
pub fn list_models(args: &ListModelsArgs) -> Result<String, CommandError> {
    let folder = args.dir.clone().unwrap_or_else(folder);
    let all = held(&folder)?;
    if args.json {
        let list: Json = all.iter().map(describe).collect();
        return Ok(format!("{list:#}\n"));
    }
    if all.is_empty() {
        return Ok(format!(
            "no checkpoints in {}; `hyfunc models pull OWNER/NAME` fetches one\n",
            folder.display()
        ));
    }
    let mut text = String::new();
    for Held { folder, manifest } in &all {
        let Manifest { repository, revision, commit, .. } = manifest;
        let (bytes, path) = (manifest.bytes(), folder.display());
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{repository}@{revision}  {commit}  {bytes} bytes  {path}");
    }
    Ok(text)
}

/// Holds checkpoints against the hashes of their pull.
///
/// # Errors
/// A folder without a manifest.
pub fn verify_models(args: &VerifyModelsArgs) -> Result<Verdict, CommandError> {
    let all = match &args.dir {
        Some(folder) => {
            vec![Held { folder: folder.clone(), manifest: Manifest::read(folder)? }]
        }
        None => held(&folder())?,
    };
    let mut verdict = Verdict { text: String::new(), is_good: true };
    for Held { folder, manifest } in &all {
        let wrong = manifest.verify(folder);
        let (name, count) = (&manifest.repository, manifest.files.len());
        // Writing to a string cannot fail.
        let _ = match wrong.len() {
            0 => writeln!(verdict.text, "{name}: {count} files stand as they were fetched"),
            bad => writeln!(verdict.text, "{name}: {bad} of {count} files do not; pull it again"),
        };
        for (path, reason) in &wrong {
            verdict.is_good = false;
            let _ = writeln!(verdict.text, "  {path}: {reason}");
        }
    }
    if all.is_empty() {
        verdict.text.push_str("no checkpoints; `hyfunc models pull OWNER/NAME` fetches one\n");
    }
    Ok(verdict)
}

/// Where checkpoints are kept.
fn folder() -> PathBuf {
    cache_dir().unwrap_or_else(|| PathBuf::from(".cache").join("hyfunc")).join("models")
}

fn describe(held: &Held) -> Json {
    let Manifest { repository, revision, commit, files } = &held.manifest;
    json!({
        "repository": repository,
        "revision": revision,
        "commit": commit,
        "bytes": held.manifest.bytes(),
        "folder": held.folder.display().to_string(),
        "files": files,
    })
}

/// A bar for each file in turn; lines of text where nobody watches.
struct Bar(ProgressBar);

impl Bar {
    fn new() -> Self {
        let style = ProgressStyle::with_template(
            "{prefix} [{bar:30}] {bytes}/{total_bytes} {bytes_per_sec} {eta} left",
        );
        let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
        Self(bar.with_style(style))
    }
}

impl Progress for Bar {
    fn begin(&self, file: &str, bytes: Option<u64>, bytes_there: u64) {
        self.0.reset();
        self.0.set_prefix(file.to_owned());
        self.0.set_length(bytes.unwrap_or_default());
        self.0.set_position(bytes_there);
    }

    fn reach(&self, bytes: u64) {
        self.0.set_position(bytes);
    }

    fn end(&self, file: &str) {
        if self.0.is_hidden() {
            eprintln!("{file}");
        } else {
            self.0.println(file);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verify(folder: &std::path::Path) -> Verdict {
        verify_models(&VerifyModelsArgs { dir: Some(folder.to_owned()) }).unwrap()
    }

    #[test]
    fn a_checkpoint_is_listed_and_a_changed_file_of_it_is_found() {
        let all = tempfile::tempdir().unwrap();
        let folder = all.path().join("me--model");
        std::fs::create_dir(&folder).unwrap();
        let args = |json| ListModelsArgs { dir: Some(all.path().to_owned()), json };
        assert!(list_models(&args(false)).unwrap().contains("hyfunc models pull"));
        assert!(verify_models(&VerifyModelsArgs { dir: Some(folder.clone()) }).is_err());

        std::fs::write(folder.join("config.json"), "{}").unwrap();
        let manifest = json!({
            "repository": "me/model", "revision": "main", "commit": "0f1e",
            "files": [{
                "path": "config.json", "bytes": 2, "is_vouched": false,
                "sha256": "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
            }],
        });
        std::fs::write(folder.join("hyfunc-manifest.json"), manifest.to_string()).unwrap();
        let text = list_models(&args(false)).unwrap();
        assert!(text.contains("me/model@main  0f1e  2 bytes"), "{text}");
        let list: Json = serde_json::from_str(&list_models(&args(true)).unwrap()).unwrap();
        assert_eq!(list[0]["repository"], "me/model");
        let verdict = verify(&folder);
        assert!(verdict.is_good, "{}", verdict.text);

        for changed in ["[]", "{", ""] {
            std::fs::write(folder.join("config.json"), changed).unwrap();
            let verdict = verify(&folder);
            assert!(
                !verdict.is_good && verdict.text.contains("config.json: it"),
                "{}",
                verdict.text
            );
        }
        std::fs::remove_file(folder.join("config.json")).unwrap();
        assert!(!verify(&folder).is_good);
    }
}
