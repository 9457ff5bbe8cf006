//! `hyfunc eval ablation`.

use hyfunc_training::ablation::{self, AblationOptions, Variant};
use hyfunc_training::schedule::Schedule;

use super::CommandError;
use super::eval::{claim, give};
use super::train::data;
use crate::cli::{EvalAblationArgs, ReportArgs};
use crate::config::{ModelsConfig, STOCK};
use crate::eval::EvalError;
use crate::eval::ablation::{StockAblation, stock};

/// Trains and scores the rows of the ablation, or scores those of a stock checkpoint; gives a table,
/// or JSON.
///
/// # Errors
/// Data, rows or models that cannot be used, a folder of another run, a file that cannot be written.
pub fn eval_ablation(
    config: &ModelsConfig,
    args: EvalAblationArgs,
) -> Result<String, CommandError> {
    let form = ReportArgs { json: args.json, html: args.html };
    claim(&form)?;
    let variants = match args.variants.is_empty() {
        true => Variant::ALL.to_vec(),
        false => args.variants,
    };
    let limit = args.limit as usize;
    let report = if config.preset == STOCK {
        let on = args.on.ok_or(EvalError::NothingToScoreOn)?;
        stock(config, &StockAblation { on, limit, variants })?
    } else {
        let configured = Some(config.dir.as_str()).filter(|dir| !dir.is_empty());
        let options = AblationOptions {
            data: data(args.data)?,
            scored_on: args.on,
            limit,
            models: args.models.or_else(|| configured.map(Into::into)),
            out: args.out,
            steps: args.steps as usize,
            variants,
            schedule: Schedule {
                shards: usize::from(args.shards),
                seed: args.seed,
                rate: args.rate,
                resume: args.resume,
                from: None,
                checkpoint_steps: args.checkpoint_steps as usize,
            },
        };
        ablation::ablate(&options)?
    };
    Ok(give(&form, || report.to_html(), || report.to_json(), || report.to_text())?)
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::{Cli, Command, EvalCommand};

    fn args(extra: &[&str]) -> EvalAblationArgs {
        let typed = ["hyfunc", "eval", "ablation"];
        match Cli::parse_from(typed.iter().chain(extra)).command {
            Command::Eval(EvalCommand::Ablation(args)) => args,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn rows_are_typed_by_name() {
        let typed = args(&["--variants", "parallel,no-soft", "--steps", "3"]);
        assert_eq!(typed.variants, [Variant::Parallel, Variant::NoSoft]);
        assert_eq!((typed.steps, typed.limit, typed.resume), (3, 150, false));
        let wrong = Cli::try_parse_from(["hyfunc", "eval", "ablation", "--variants", "soft-token"]);
        let error = wrong.unwrap_err().to_string();
        assert!(error.contains("templates-alone"), "{error}");
        for wrong in [
            ["--checkpoint-steps", "0"],
            ["--steps", "0"],
            ["--limit", "0"],
            ["--rate", "0"],
            ["--shards", "0"],
        ] {
            let typed = ["hyfunc", "eval", "ablation"];
            assert!(Cli::try_parse_from(typed.iter().chain(&wrong)).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn the_stock_preset_wants_rows_and_a_page_that_cannot_be_written_is_said_at_once() {
        let config = ModelsConfig {
            preset: STOCK.into(),
            checkpoint: "/nonexistent".into(),
            ..ModelsConfig::default()
        };
        let error = eval_ablation(&config, args(&[])).unwrap_err().to_string();
        assert!(error.contains("--on"), "{error}");
        let page = args(&["--html", "/nonexistent/page.html"]);
        let error = eval_ablation(&config, page).unwrap_err().to_string();
        assert!(error.contains("cannot write /nonexistent/page.html"), "{error}");
        let rows = args(&["--on", "/nonexistent/rows.jsonl"]);
        let error = eval_ablation(&config, rows).unwrap_err().to_string();
        assert!(error.contains("/nonexistent/rows.jsonl"), "{error}");
    }
}
