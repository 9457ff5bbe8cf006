//! What is typed to make, list and revoke keys.

use std::num::NonZeroU32;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::keys::{Moment, Role, expiry};

/// Make, list and revoke keys.
#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// Make a key and print it: it is shown this once
    #[command(after_help = "Examples:\n  hyfunc key create alice --file keys.toml\n  \
                            hyfunc key create ci --role publish --expires 90d\n  \
                            hyfunc key create kiosk --scope 'units_*' --scope plugin:geo \
                            --requests-per-minute 60 --concurrent-max 2\n\n\
                            Clients send it as `Authorization: Bearer KEY`. A running gateway \
                            takes it within a second.")]
    Create(CreateKeyArgs),
    /// List the keys: what they may do and until when
    #[command(
        after_help = "Examples:\n  hyfunc key list --file keys.toml\n  hyfunc key list --json"
    )]
    List(ListKeysArgs),
    /// Take a key back; a running gateway refuses it within a second
    #[command(after_help = "Example:\n  hyfunc key revoke alice --file keys.toml")]
    Revoke(RevokeKeyArgs),
}

impl KeyCommand {
    /// As settings.
    pub fn settings(&self) -> Vec<(String, String)> {
        let file = match self {
            KeyCommand::Create(args) => &args.file,
            KeyCommand::List(args) => &args.file,
            KeyCommand::Revoke(args) => &args.file,
        };
        let file = file.as_ref().map(|file| file.to_string_lossy().into_owned());
        file.map(|file| ("keys.file".to_owned(), file)).into_iter().collect()
    }
}

/// Options of `key create`.
#[derive(Debug, Args)]
pub struct CreateKeyArgs {
    /// Who gets it; plugins keep their data under this name
    #[arg(value_name = "NAME")]
    pub name: String,
    /// What it may do; may be repeated
    #[arg(long, value_enum, value_name = "ROLE", default_value = "call")]
    pub role: Vec<Role>,
    /// Functions that it sees, as units_* or plugin:geo; may be repeated [default: all]
    #[arg(long, value_name = "PATTERN", default_value = "*", hide_default_value = true)]
    pub scope: Vec<String>,
    /// When it ends: 90d, 12h, 2027-01-31 or 2027-01-31T18:00:00Z [default: never]
    #[arg(long, value_name = "WHEN", value_parser = until)]
    pub expires: Option<Moment>,
    /// Most requests in a minute [default: no limit]
    #[arg(long, value_name = "N")]
    pub requests_per_minute: Option<NonZeroU32>,
    /// Most requests at work at once [default: no limit]
    #[arg(long, value_name = "N")]
    pub concurrent_max: Option<NonZeroU32>,
    /// The file of keys [keys.file]
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
}

/// Options of `key list`.
#[derive(Debug, Args)]
pub struct ListKeysArgs {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// The file of keys [keys.file]
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
}

/// Options of `key revoke`.
#[derive(Debug, Args)]
pub struct RevokeKeyArgs {
    /// Its name or its id, as `hyfunc key list` shows them
    #[arg(value_name = "NAME|ID")]
    pub key: String,
    /// The file of keys [keys.file]
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
}

fn until(text: &str) -> Result<Moment, String> {
    expiry(text, Moment::now())
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::{Cli, Command};

    fn typed(line: &str) -> Result<KeyCommand, String> {
        let cli =
            Cli::try_parse_from(line.split_whitespace()).map_err(|error| error.to_string())?;
        match cli.command {
            Command::Key(command) => Ok(command),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_key_calls_everything_for_ever_unless_somebody_says_otherwise() {
        let Ok(KeyCommand::Create(args)) = typed("hyfunc key create alice") else { panic!("key") };
        assert_eq!((args.role.as_slice(), args.scope.join(" ").as_str()), (&[Role::Call][..], "*"));
        assert!(args.expires.is_none() && args.requests_per_minute.is_none());
        let line = "hyfunc key create ci --role publish --role read --scope a_* --expires 1d \
                    --requests-per-minute 5 --concurrent-max 2 --file keys.toml";
        let Ok(KeyCommand::Create(args)) = typed(line) else { panic!("key") };
        assert_eq!(args.role, [Role::Publish, Role::Read]);
        assert_eq!(args.scope, ["a_*"]);
        assert!(args.expires.is_some_and(|end| end > Moment::now()));
        let settings = KeyCommand::Create(args).settings();
        assert_eq!(settings, [("keys.file".to_owned(), "keys.toml".to_owned())]);
    }

    #[test]
    fn what_cannot_be_is_refused_with_what_can() {
        for (options, words) in [
            ("--role king", "possible values: call, read, publish, admin"),
            ("--expires yesterday", "write 90d"),
            ("--expires 2020-01-01", "is over already"),
            ("--requests-per-minute 0", "--requests-per-minute"),
            ("--concurrent-max many", "--concurrent-max"),
        ] {
            let error = typed(&format!("hyfunc key create alice {options}")).unwrap_err();
            assert!(error.contains(words), "{error} should hold: {words}");
        }
    }
}
