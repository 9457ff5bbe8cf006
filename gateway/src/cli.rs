//! What can be typed: commands, options and examples.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// `hyfunc`
#[derive(Debug, Parser)]
#[command(
    name = "hyfunc",
    version,
    about = "Turns what a person asks into function calls and runs them in sandboxes.",
    after_help = "Examples:\n  hyfunc demo\n  hyfunc serve --address 127.0.0.1:8080\n  \
                  hyfunc config --set server.queue_max=16"
)]
pub struct Cli {
    /// A configuration file (TOML); HYFUNC_CONFIG names one as well
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Any setting by its name, over file and environment; may be repeated
    #[arg(long, global = true, value_name = "SECTION.KEY=VALUE", value_parser = setting)]
    pub set: Vec<(String, String)>,
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve requests over HTTP until SIGTERM or ctrl-c
    #[command(after_help = "Examples:\n  hyfunc serve\n  hyfunc serve --address 127.0.0.1:0 \
                            --plugin recipes.wasm\n  HYFUNC_REQUEST__DEADLINE_MS=5000 hyfunc serve")]
    Serve(ServeArgs),
    /// Show in seconds what it does: a gateway on a free port, and requests of every kind
    #[command(after_help = "Example:\n  hyfunc demo")]
    Demo(DemoArgs),
    /// Print the effective configuration, each value with its source
    #[command(after_help = "Examples:\n  hyfunc config > hyfunc.toml\n  \
                            hyfunc config --set request.calls_max=2")]
    Config,
    /// Look into a plugin, or add the docs of its WIT to it
    #[command(subcommand)]
    Plugin(PluginCommand),
    /// Run one function in its sandbox, without any model
    #[command(after_help = "Example:\n  \
        hyfunc call units_convert '{\"value\": 3, \"from_unit\": \"km\", \"to_unit\": \"mi\"}'")]
    Call(CallArgs),
    /// Say which models would serve
    #[command(
        after_help = "Examples:\n  hyfunc models\n  hyfunc models --set models.dir=my-models"
    )]
    Models,
    /// Train models
    #[command(subcommand)]
    Train(TrainCommand),
    /// Measure on requests with known answers
    #[command(subcommand)]
    Eval(EvalCommand),
}

/// Options of `serve`.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// Where to listen; port 0 takes a free one [server.address]
    #[arg(long, value_name = "IP:PORT")]
    pub address: Option<String>,
    /// Listen beyond loopback although there are no keys yet [server.allow_public]
    #[arg(long)]
    pub allow_public: bool,
    /// A component to load besides; may be repeated [plugins.files]
    #[arg(long, value_name = "FILE")]
    pub plugin: Vec<String>,
    /// Base URL of an OTLP/HTTP collector [telemetry.otlp_endpoint]
    #[arg(long, value_name = "URL")]
    pub otlp_endpoint: Option<String>,
}

impl ServeArgs {
    /// As settings.
    pub fn settings(&self) -> Vec<(String, String)> {
        let set = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let mut settings = Vec::new();
        settings.extend(self.address.as_deref().map(|value| set("server.address", value)));
        settings.extend(self.allow_public.then(|| set("server.allow_public", "true")));
        settings.extend(
            self.otlp_endpoint.as_deref().map(|value| set("telemetry.otlp_endpoint", value)),
        );
        if !self.plugin.is_empty() {
            settings.push(set("plugins.files", &self.plugin.join(",")));
        }
        settings
    }
}

/// Options of `demo`.
#[derive(Clone, Debug, Default, Args)]
pub struct DemoArgs {
    /// No colours, even in a terminal
    #[arg(long)]
    pub plain: bool,
    /// End with an error if any answer is wrong
    #[arg(long)]
    pub strict: bool,
}

/// What to do with a plugin.
#[derive(Debug, Subcommand)]
pub enum PluginCommand {
    /// List the functions of a component, and what was refused and why
    #[command(after_help = "Examples:\n  hyfunc plugin inspect recipes.wasm\n  \
                            hyfunc plugin inspect dates --json")]
    Inspect {
        /// A component's file, or the name of a bundled plugin
        #[arg(value_name = "FILE|NAME")]
        plugin: String,
        /// Print JSON, with schemas
        #[arg(long)]
        json: bool,
    },
    /// Write the docs of WIT sources into a component
    #[command(
        after_help = "Example:\n  hyfunc plugin pack target/wasm32-wasip2/release/recipes.wasm \
                            --wit wit -o recipes.wasm"
    )]
    Pack {
        /// The component, as the compiler made it
        #[arg(value_name = "COMPONENT")]
        component: PathBuf,
        /// Folder of its WIT files
        #[arg(long, value_name = "DIR")]
        wit: PathBuf,
        /// Its world, when the package has several
        #[arg(long, value_name = "NAME")]
        world: Option<String>,
        /// Where to write the packed component
        #[arg(short, long, value_name = "FILE")]
        out: PathBuf,
    },
}

/// Options of `call`.
#[derive(Debug, Args)]
pub struct CallArgs {
    /// Name of the function, as GET /v1/functions lists it
    #[arg(value_name = "NAME")]
    pub name: String,
    /// Its arguments
    #[arg(value_name = "JSON", default_value = "{}")]
    pub arguments: String,
}

/// What to train.
#[derive(Debug, Subcommand)]
pub enum TrainCommand {
    /// Train the tiny models that are embedded
    #[command(after_help = "Examples:\n  hyfunc train tiny --rows train.jsonl.gz\n  \
                            hyfunc train tiny --rows train.jsonl.gz --resume")]
    Tiny(TrainTinyArgs),
}

/// Options of `train tiny`.
#[derive(Debug, Args)]
pub struct TrainTinyArgs {
    /// Rows of queries with calls (jsonl or jsonl.gz); one or several
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub rows: Vec<PathBuf>,
    /// Functions to make up requests for, one JSON object a line; one or several
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub catalogue: Vec<PathBuf>,
    /// Folder of the run; the models come to `models` in it
    #[arg(long, value_name = "DIR", default_value = "tiny.hyfunc-run")]
    pub out: PathBuf,
    /// Steps of the large model
    #[arg(long, default_value_t = 700)]
    pub steps_large: usize,
    /// Steps of the small model
    #[arg(long, default_value_t = 6_000)]
    pub steps_small: usize,
    /// Parts of a step that run beside each other, a core each; part of what the run comes to
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub shards: u16,
    /// Seed of everything random
    #[arg(long, default_value_t = 7)]
    pub seed: u64,
    /// Go on from the last checkpoint in the folder
    #[arg(long)]
    pub resume: bool,
}

/// What to measure.
#[derive(Debug, Subcommand)]
pub enum EvalCommand {
    /// Send requests over the loaded library through the gateway's own steps, without running calls
    #[command(after_help = "Examples:\n  hyfunc eval requests requests.jsonl --failures\n  \
                            hyfunc eval requests requests.jsonl --json")]
    Requests(EvalRequestsArgs),
    /// Decode rows that bring their own functions
    #[command(after_help = "Examples:\n  hyfunc eval rows rows.jsonl.gz\n  \
                            hyfunc eval rows rows.jsonl.gz --models run/models --out answers.jsonl")]
    Rows(EvalRowsArgs),
}

/// Options of `eval requests`.
#[derive(Debug, Args)]
pub struct EvalRequestsArgs {
    /// Requests, one JSON object a line: id, kind, query, calls, accept
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// List the requests that were not answered right
    #[arg(long)]
    pub failures: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Options of `eval rows`.
#[derive(Debug, Args)]
pub struct EvalRowsArgs {
    /// Rows with functions and right calls (jsonl or jsonl.gz)
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Folder of the models; else those that `models.dir` names, or the embedded ones
    #[arg(long, value_name = "DIR")]
    pub models: Option<PathBuf>,
    /// Where to write what came out, one JSON object a row
    #[arg(short, long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

fn setting(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("write it as section.key=value")?;
    Ok((key.trim().to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn commands_are_consistent_and_every_one_has_an_example() {
        let mut cli = Cli::command();
        cli.build();
        cli.clone().debug_assert();
        fn visit(command: &clap::Command) {
            if command.get_name() == "help" {
                return;
            }
            let is_leaf = command.get_subcommands().next().is_none();
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(!is_leaf || help.contains("hyfunc"), "{} has no example", command.get_name());
            command.get_subcommands().for_each(visit);
        }
        visit(&cli);
    }

    #[test]
    fn flags_become_settings() {
        let cli = Cli::parse_from([
            "hyfunc",
            "serve",
            "--address",
            "127.0.0.1:0",
            "--plugin",
            "a.wasm",
            "--plugin",
            "b.wasm",
            "--set",
            "server.queue_max=3",
        ]);
        assert_eq!(cli.set, [("server.queue_max".to_owned(), "3".to_owned())]);
        let Command::Serve(serve) = cli.command else { panic!("serve was typed") };
        let settings = serve.settings();
        assert!(settings.contains(&("server.address".into(), "127.0.0.1:0".into())));
        assert!(settings.contains(&("plugins.files".into(), "a.wasm,b.wasm".into())));
        assert_eq!(settings.len(), 2, "what was not typed is not set");
    }
}
