//! `hyfunc bench`.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use super::CommandError;
use crate::bench::{self, Effort, Plan};
use crate::cli::BenchArgs;
use crate::config::Config;

/// How long each row is measured when nobody says otherwise, in milliseconds.
const DURATION_MS: u32 = 3_000;

/// Measures what is wanted; gives tables, or JSON.
///
/// # Errors
/// A page that cannot be written, or a part that does not work.
pub async fn bench(config: Config, args: &BenchArgs) -> Result<String, CommandError> {
    // Before minutes of work: nobody should find out at the end that there is no page.
    let page = args.html.as_deref().map(create).transpose()?;
    let report = bench::run(configured(config, args), &plan(args)).await?;
    if let Some((mut file, path)) = page {
        file.write_all(report.to_html().as_bytes()).map_err(failed(path))?;
    }
    if args.json {
        return Ok(format!("{:#}\n", report.to_json()));
    }
    let mut text = report.to_text();
    if let Some(path) = &args.html {
        text.push_str(&format!("\nThe page with pictures: {}\n", path.display()));
    }
    Ok(text)
}

/// With the checkpoint that was typed.
fn configured(mut config: Config, args: &BenchArgs) -> Config {
    if let Some(checkpoint) = &args.checkpoint {
        config.models.checkpoint = checkpoint.to_string_lossy().into_owned();
    }
    if let Some(weights) = &args.weights {
        config.models.weights.clone_from(weights);
    }
    config
}

fn create(path: &Path) -> Result<(File, &Path), CommandError> {
    Ok((File::create(path).map_err(failed(path))?, path))
}

fn failed(path: &Path) -> impl FnOnce(std::io::Error) -> CommandError {
    let path = path.to_owned();
    move |source| CommandError::File { path, source }
}

fn plan(args: &BenchArgs) -> Plan {
    let sizes = |numbers: &[u32]| {
        let mut sizes: Vec<usize> = numbers.iter().map(|number| *number as usize).collect();
        sizes.sort_unstable();
        sizes.dedup();
        sizes
    };
    let duration_ms = args.duration_ms.unwrap_or(DURATION_MS);
    Plan {
        parts: args.parts.clone(),
        effort: match args.iterations {
            Some(times) => Effort::Iterations(times as usize),
            None => Effort::Duration(Duration::from_millis(u64::from(duration_ms))),
        },
        functions: sizes(&args.functions),
        concurrency: sizes(&args.concurrency),
        ordinal: args.device.unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::bench::{Part, SAMPLES_MAX};
    use crate::cli::{Cli, Command};

    fn typed(arguments: &[&str]) -> Result<BenchArgs, String> {
        let cli = Cli::try_parse_from([&["hyfunc", "bench"][..], arguments].concat());
        match cli.map_err(|error| error.to_string())?.command {
            Command::Bench(args) => Ok(args),
            other => panic!("bench was typed: {other:?}"),
        }
    }

    #[test]
    fn what_is_typed_becomes_a_plan() {
        let default = plan(&typed(&[]).unwrap());
        assert_eq!(default.effort, Effort::Duration(Duration::from_secs(3)));
        assert!(default.parts.is_empty() && default.functions.is_empty());
        let all = typed(&["http", "load", "--iterations", "7", "--functions", "64,16,64"]).unwrap();
        let all = plan(&all);
        assert_eq!(all.parts, [Part::Http, Part::Load]);
        assert_eq!(all.effort, Effort::Iterations(7));
        assert_eq!(all.functions, [16, 64], "in order, each once");
        let few = plan(&typed(&["--duration-ms", "50", "--concurrency", "8,1"]).unwrap());
        assert_eq!(few.effort, Effort::Duration(Duration::from_millis(50)));
        assert_eq!(few.concurrency, [1, 8]);
        assert_eq!(plan(&typed(&["gpu"]).unwrap()).ordinal, 0);
        assert_eq!(plan(&typed(&["gpu", "--device", "cuda:3"]).unwrap()).ordinal, 3);
    }

    #[test]
    fn a_checkpoint_that_is_typed_goes_before_the_configured_one() {
        let mut own = Config::default();
        own.models.checkpoint = "kept".into();
        assert_eq!(configured(own.clone(), &typed(&["stock"]).unwrap()), own);
        let args = typed(&["stock", "--checkpoint", "typed", "--weights", "q8_0"]).unwrap();
        let models = configured(own, &args).models;
        assert_eq!((models.checkpoint.as_str(), models.weights.as_str()), ("typed", "q8_0"));
    }

    #[test]
    fn what_cannot_be_measured_is_refused_with_what_can() {
        let cases: [(&[&str], &str); 9] = [
            (&["htpp"], "request, http, overload, sandbox, retrieval, load"),
            (&["stock", "--weights", "q5_1"], "auto, q8_0, q4_k"),
            (&["gpu", "--device", "cpu"], "name a GPU: cuda, or cuda:N"),
            (&["--iterations", "0"], "1..=5000000"),
            (&["--duration-ms", "0"], "1..=600000"),
            (&["--functions", "1"], "16..=100000"),
            (&["--functions", "64,many"], "many"),
            (&["--concurrency", "5000"], "1..=4096"),
            (&["--iterations", "5", "--duration-ms", "5"], "cannot be used with"),
        ];
        for (arguments, said) in cases {
            let error = typed(arguments).unwrap_err();
            assert!(error.contains(said), "{arguments:?}: {error}");
        }
        assert_eq!(SAMPLES_MAX, 5_000_000, "the most iterations that can be typed");
    }

    #[tokio::test]
    async fn a_page_that_cannot_be_written_is_said_before_anything_is_measured() {
        let args =
            BenchArgs { html: Some("/no/such/folder/page.html".into()), ..typed(&[]).unwrap() };
        let error = bench(Config::default(), &args).await.unwrap_err();
        assert!(matches!(&error, CommandError::File { .. }), "{error}");
        assert!(error.to_string().contains("/no/such/folder/page.html"), "{error}");
    }
}
