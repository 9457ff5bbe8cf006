//! `hyfunc eval requests` and `hyfunc eval rows`.

use std::path::Path;

use hyfunc_training::eval::{self as judge, Tally};

use super::CommandError;
use crate::cli::{EvalRequestsArgs, EvalRowsArgs};
use crate::config::{Config, ModelsConfig};
use crate::eval;

/// Sends requests through the gateway's steps; gives a table, or JSON.
///
/// # Errors
/// A file that cannot be used, or a gateway that does not start.
pub async fn eval_requests(
    config: Config,
    args: &EvalRequestsArgs,
) -> Result<String, CommandError> {
    let report = eval::requests(config, &args.file).await?;
    if args.json {
        return Ok(format!("{:#}\n", report.to_json(args.failures)));
    }
    Ok(report.to_text(args.failures))
}

/// Decodes rows that bring their own functions; gives the counts.
///
/// # Errors
/// Rows or models that cannot be read, or an answer file that cannot be written.
pub fn eval_rows(config: &ModelsConfig, args: &EvalRowsArgs) -> Result<String, CommandError> {
    let configured = Some(config.dir.as_str()).filter(|dir| !dir.is_empty()).map(Path::new);
    let models = args.models.as_deref().or(configured);
    let tally = judge::rows(models, &args.file, args.out.as_deref())?;
    Ok(to_text(&tally))
}

fn to_text(tally: &Tally) -> String {
    let share = |right: usize, all: usize| match all {
        0 => "      -".into(),
        _ => format!("{:>5.1} %", 100.0 * right as f64 / all as f64),
    };
    format!(
        "rows              {:>7}\n\
         right functions   {:>7}  {}\n\
         right as a whole  {:>7}  {}\n\
         right arguments   {:>7}  {} of {} calls whose functions are right\n\
         right no-calls    {:>7}  {} of {}\n",
        tally.rows,
        tally.functions,
        share(tally.functions, tally.rows),
        tally.whole,
        share(tally.whole, tally.rows),
        tally.calls_right,
        share(tally.calls_right, tally.calls),
        tally.calls,
        tally.none_right,
        share(tally.none_right, tally.none),
        tally.none,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_of_the_rows_they_are_about() {
        let tally = Tally {
            rows: 4,
            functions: 3,
            whole: 2,
            calls: 5,
            calls_right: 4,
            none: 0,
            none_right: 0,
        };
        let text = to_text(&tally);
        for part in ["75.0 %", "50.0 %", "80.0 % of 5 calls", "- of 0"] {
            assert!(text.contains(part), "`{part}` is not in {text}");
        }
    }
}
