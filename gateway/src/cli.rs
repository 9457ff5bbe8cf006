//! What can be typed: commands, options and examples.

mod ablation;
mod eval;
mod key;
mod library;
mod models;
mod plugin;
mod registry;
mod train;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use hyfunc_training::bfcl::Category;

use crate::bench::Part;
use crate::config::Device;
use crate::eval::retrieval::compare::Collection;

pub use ablation::EvalAblationArgs;
pub use eval::{FolderArgs, LookupArgs, ReportArgs};
pub use key::{CreateKeyArgs, KeyCommand, ListKeysArgs, RevokeKeyArgs};
pub use library::{
    ApproveArgs, CompileArgs, GatewayArgs, LibraryCommand, ListArgs, PublishArgs, RemoveArgs,
};
pub use models::{ListModelsArgs, ModelsArgs, ModelsCommand, PullModelArgs, VerifyModelsArgs};
pub use plugin::{AuthorCommand, BuildArgs, CheckArgs, NewArgs, PluginCallArgs, TestArgs};
pub use registry::{
    AccessArgs, IndexArgs, KeyGenerateArgs, PullArgs, PushArgs, RegistryCommand, SignArgs,
    SigningKeyCommand, StoreArgs, VerifyArgs,
};
pub use train::{
    CheckArg, DataArgs, ReadingArgs, ScheduleArgs, TrainBlendArgs, TrainCommand, TrainEmbedArgs,
    TrainLmsArgs, TrainRetrieverArgs, TrainRowsArgs, TrainTinyArgs, TrainWordsArgs,
};

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
    /// Serve the functions to one MCP client over standard input and output, until it closes them
    #[command(after_help = MCP_HELP)]
    Mcp(McpArgs),
    /// Show in seconds what it does: a gateway on a free port, and requests of every kind
    #[command(after_help = "Example:\n  hyfunc demo")]
    Demo(DemoArgs),
    /// Print the effective configuration, each value with its source
    #[command(after_help = "Examples:\n  hyfunc config > hyfunc.toml\n  \
                            hyfunc config --set request.calls_max=2")]
    Config,
    /// Write, build, check and try plugins
    #[command(subcommand)]
    Plugin(PluginCommand),
    /// Make, list and revoke the keys of a gateway
    #[command(subcommand)]
    Key(KeyCommand),
    /// Run one function in its sandbox, without any model
    #[command(after_help = "Example:\n  \
        hyfunc call units_convert '{\"value\": 3, \"from_unit\": \"km\", \"to_unit\": \"mi\"}'")]
    Call(CallArgs),
    /// Say which models would serve, or fetch checkpoints
    #[command(after_help = models::HELP)]
    Models(ModelsArgs),
    /// Train models
    #[command(subcommand)]
    Train(TrainCommand),
    /// Measure on requests with known answers
    #[command(subcommand)]
    Eval(EvalCommand),
    /// Measure how fast this machine does what, each number beside another of the same run
    #[command(after_help = BENCH_HELP)]
    Bench(BenchArgs),
    /// Compile a component for a gateway that runs; it starts this itself, and nobody else does
    #[command(name = crate::publish::COMMAND, hide = true, after_help = "Started by hyfunc serve")]
    Compile(CompileArgs),
}

/// How a desktop assistant starts it; such programs see no shell's PATH.
const MCP_HELP: &str = "\
Example:
  hyfunc mcp --plugin recipes.wasm

Configuration of a client (claude_desktop_config.json, .mcp.json and others):
  {
    \"mcpServers\": {
      \"hyfunc\": {
        \"command\": \"/usr/local/bin/hyfunc\",
        \"args\": [\"mcp\", \"--plugin\", \"/home/me/recipes.wasm\"]
      }
    }
  }

Log lines go to standard error. `hyfunc serve` offers the same over HTTP, at /mcp.";

/// Options of `mcp`.
#[derive(Debug, Args)]
pub struct McpArgs {
    /// A component to load besides; may be repeated [plugins.files]
    #[arg(long, value_name = "FILE")]
    pub plugin: Vec<String>,
}

impl McpArgs {
    /// As settings.
    pub fn settings(&self) -> Vec<(String, String)> {
        let files = (!self.plugin.is_empty()).then(|| self.plugin.join(","));
        files.map(|files| ("plugins.files".to_owned(), files)).into_iter().collect()
    }
}

/// Options of `serve`.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// Where to listen; port 0 takes a free one [server.address]
    #[arg(long, value_name = "IP:PORT")]
    pub address: Option<String>,
    /// Listen beyond loopback without keys, behind a proxy that checks [server.allow_public]
    #[arg(long)]
    pub allow_public: bool,
    /// Keys made by `hyfunc key create`; requests need one of them [keys.file]
    #[arg(long, value_name = "FILE")]
    pub keys: Option<String>,
    /// What computes a checkpoint: cpu, cuda, or cuda:N from 0 on [models.device]
    #[arg(long, value_name = "DEVICE")]
    pub device: Option<String>,
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
        settings.extend(self.keys.as_deref().map(|value| set("keys.file", value)));
        settings.extend(self.device.as_deref().map(|value| set("models.device", value)));
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
    /// From an idea to a plugin that others can use
    #[command(flatten)]
    Author(AuthorCommand),
    /// The plugins of a gateway that runs
    #[command(flatten)]
    Library(LibraryCommand),
    /// Through registries, and whom to trust there
    #[command(flatten)]
    Registry(RegistryCommand),
    /// List the functions of a component, and what was refused and why
    #[command(after_help = "Examples:\n  hyfunc plugin inspect recipes.wasm\n  \
                            hyfunc plugin inspect dates --json")]
    Inspect {
        /// A component's file, the folder of a plugin that is built, or the name of a bundled one
        #[arg(value_name = "FILE|DIR|NAME")]
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

/// What to measure.
#[derive(Debug, Subcommand)]
pub enum EvalCommand {
    /// Send requests over the loaded library through the gateway's own steps, without running calls
    #[command(after_help = "Examples:\n  hyfunc eval requests requests.jsonl --failures\n  \
                            hyfunc eval requests requests.jsonl --json\n  \
                            hyfunc eval requests requests.jsonl --wit plugins")]
    Requests(EvalRequestsArgs),
    /// Decode rows that bring their own functions
    #[command(after_help = "Examples:\n  hyfunc eval rows rows.jsonl.gz --html rows.html\n  \
                            hyfunc eval rows rows.jsonl.gz --models run/models --out answers.jsonl\n  \
                            hyfunc eval rows rows.jsonl.gz --given --soft-token shuffled")]
    Rows(EvalRowsArgs),
    /// Look requests up in a catalogue of functions: the index as served, BM25 alone, vectors alone
    #[command(after_help = RETRIEVAL_HELP)]
    Retrieval(EvalRetrievalArgs),
    /// Measure the index over a real catalogue: the graph beside the exact scan
    #[command(after_help = INDEX_HELP)]
    Index(EvalIndexArgs),
    /// Answer the rows of the Berkeley Function-Calling Leaderboard, and score the calls
    #[command(after_help = BFCL_HELP)]
    Bfcl(EvalBfclArgs),
    /// Measure what each part is worth: rows with and without it, trained and scored alike
    #[command(after_help = ablation::ABLATION_HELP)]
    Ablation(EvalAblationArgs),
}

/// What its files hold.
const RETRIEVAL_HELP: &str = "\
Examples:
  hyfunc eval retrieval --queries queries.jsonl.gz --catalogue functions.jsonl.gz
  hyfunc eval retrieval --queries queries.jsonl --catalogue a.jsonl --catalogue b.jsonl \
--k 1,5,10 --limit 500 --html retrieval.html
  hyfunc eval retrieval --k 5 --collection seal=queries.jsonl.gz,functions.jsonl.gz \
--collection tools=q.jsonl,f.jsonl --encoder minilm=all-MiniLM-L6-v2

A line of a catalogue is {\"name\", \"description\", \"parameters\"}, one of the queries \
{\"id\", \"query\", \"relevant\": [names of functions]}. All three ways are measured in one run, over \
the same vectors and words; intervals are of 95 %. With --collection or --encoder, BM25, the models \
and every encoder, alone and mixed, are measured over every collection, in one table.";

/// Beside what it is measured.
const INDEX_HELP: &str = "\
Examples:
  hyfunc eval index --queries queries.jsonl.gz --catalogue functions.jsonl.gz
  hyfunc eval index --queries q.jsonl --catalogue f.jsonl --candidates 32,64,128 --vectors vectors

Files are those of `hyfunc eval retrieval`. --vectors writes functions.npy and queries.npy, so that \
others can be measured on the same vectors: tests/peers/index.sh does that.";

/// Where its answers come from.
const BFCL_HELP: &str = "\
Examples:
  hyfunc eval bfcl --data bfcl_eval.jsonl.gz --answers bfcl_eval/data --out bfcl
  hyfunc eval bfcl --data bfcl_eval/data --categories simple_python,irrelevance --limit 50
  hyfunc eval bfcl --data bfcl_eval/data --predictions bfcl/predictions.jsonl --json

`pip install --no-deps bfcl-eval==2026.3.23` brings the benchmark; its folder `data` has the answers \
that it accepts. Without it, the one answer of each row counts, which is stricter. With --python, \
the benchmark's own checker has its say besides ours.";

/// Options of `eval requests`.
#[derive(Debug, Args)]
pub struct EvalRequestsArgs {
    /// Requests, one JSON object a line: id, kind, query, calls, accept, plugin
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Folder of plugins of which there is only WIT, NAME.wit each: they join the library
    #[arg(long, value_name = "DIR")]
    pub wit: Option<PathBuf>,
    /// List the requests that were not answered right
    #[arg(long)]
    pub failures: bool,
    /// The soft token that the small model reads: a control of what it is worth
    #[arg(long, value_enum, default_value_t)]
    pub soft_token: SoftTokenArg,
    /// How the report is given
    #[command(flatten)]
    pub report: ReportArgs,
}

/// Options of `eval rows`.
#[derive(Debug, Args)]
pub struct EvalRowsArgs {
    /// Rows with functions and right calls (jsonl or jsonl.gz)
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Which models
    #[command(flatten)]
    pub folder: FolderArgs,
    /// Where to write what came out, one JSON object a row
    #[arg(short, long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Tell the models which functions are called; rows that call none are left out
    #[arg(long)]
    pub given: bool,
    /// The soft token that the small model reads: a control of what it is worth
    #[arg(long, value_enum, default_value_t)]
    pub soft_token: SoftTokenArg,
    /// How the report is given
    #[command(flatten)]
    pub report: ReportArgs,
}

/// A soft token, as typed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum SoftTokenArg {
    /// What the large model made of the request
    #[default]
    Own,
    /// Zeros
    None,
    /// That of the request before
    Shuffled,
}

/// Options of `eval retrieval`.
#[derive(Debug, Args)]
pub struct EvalRetrievalArgs {
    /// Requests with the names of their functions (jsonl or jsonl.gz)
    #[arg(
        long,
        value_name = "FILE",
        required_unless_present = "collection",
        requires = "catalogue"
    )]
    pub queries: Option<PathBuf>,
    /// Functions to find (jsonl or jsonl.gz); may be repeated
    #[arg(long, value_name = "FILE", requires = "queries")]
    pub catalogue: Vec<PathBuf>,
    /// A column of a comparison: its name, its requests and the functions to find; may be repeated
    #[arg(long, value_name = "NAME=QUERIES,CATALOGUE", value_parser = collection)]
    pub collection: Vec<Collection>,
    /// A sentence encoder to compare, a folder as `models.encoder` has it; may be repeated
    #[arg(long, value_name = "[NAME=]DIR", value_parser = encoder)]
    pub encoder: Vec<(String, PathBuf)>,
    /// Ranks up to which finding a function counts
    #[arg(
        long,
        value_name = "K,K",
        value_delimiter = ',',
        default_values_t = [1u16, 5, 10],
        value_parser = clap::value_parser!(u16).range(1..=1000)
    )]
    pub k: Vec<u16>,
    /// What is looked up
    #[command(flatten)]
    pub lookup: LookupArgs,
    /// How the report is given
    #[command(flatten)]
    pub report: ReportArgs,
}

/// Options of `eval index`.
#[derive(Debug, Args)]
pub struct EvalIndexArgs {
    /// Requests with the names of their functions (jsonl or jsonl.gz)
    #[arg(long, value_name = "FILE")]
    pub queries: PathBuf,
    /// Functions to find (jsonl or jsonl.gz); may be repeated
    #[arg(long, value_name = "FILE", required = true)]
    pub catalogue: Vec<PathBuf>,
    /// Functions to look for
    #[arg(
        long,
        value_name = "K",
        default_value_t = 10,
        value_parser = clap::value_parser!(u16).range(1..=1000)
    )]
    pub k: u16,
    /// Points that the graph looks at in a search: a row each
    #[arg(
        long,
        value_name = "N,N",
        value_delimiter = ',',
        default_values_t = [32u16, 64, 128, 256, 512],
        value_parser = clap::value_parser!(u16).range(1..=4096)
    )]
    pub candidates: Vec<u16>,
    /// Threads that link the graph; searches take one
    #[arg(
        long,
        value_name = "N",
        default_value_t = 1,
        value_parser = clap::value_parser!(u16).range(1..=256)
    )]
    pub threads: u16,
    /// What is looked up
    #[command(flatten)]
    pub lookup: LookupArgs,
    /// Folder for functions.npy and queries.npy, the vectors that were searched
    #[arg(long, value_name = "DIR")]
    pub vectors: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Options of `eval bfcl`.
#[derive(Debug, Args)]
pub struct EvalBfclArgs {
    /// Rows with functions and right calls (jsonl or jsonl.gz), or the benchmark's own folder
    #[arg(long, value_name = "FILE|DIR")]
    pub data: PathBuf,
    /// The benchmark's own folder, for the answers that it accepts
    #[arg(long, value_name = "DIR")]
    pub answers: Option<PathBuf>,
    /// A Python with bfcl-eval, to find the answers and to run the benchmark's own checker besides
    #[arg(long, value_name = "PROGRAM", env = "HYFUNC_PYTHON")]
    pub python: Option<PathBuf>,
    /// Which rows; all when left out
    #[arg(long, value_name = "NAME,NAME", value_delimiter = ',', value_parser = category)]
    pub categories: Vec<Category>,
    /// So many rows of each category at most, taken at equal distances
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: Option<u32>,
    /// Which models
    #[command(flatten)]
    pub folder: FolderArgs,
    /// Score these predictions instead of asking the models
    #[arg(long, value_name = "FILE", conflicts_with = "models")]
    pub predictions: Option<PathBuf>,
    /// Folder for predictions.jsonl, scores.jsonl, report.json and report.html
    #[arg(short, long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// How the report is given
    #[command(flatten)]
    pub report: ReportArgs,
}

fn category(name: &str) -> Result<Category, String> {
    Category::of_name(name.trim()).ok_or_else(|| {
        let names = Category::ALL.map(Category::name).join(", ");
        format!("the categories are {names}")
    })
}

fn collection(text: &str) -> Result<Collection, String> {
    let form = || "write it as NAME=QUERIES,CATALOGUE or NAME=QUERIES,CATALOGUE,CATALOGUE";
    let (name, files) = text.split_once('=').ok_or_else(form)?;
    let mut files = files.split(',').map(PathBuf::from);
    let queries = files.next().unwrap_or_default();
    let catalogues: Vec<PathBuf> = files.collect();
    let is_named = |path: &PathBuf| !path.as_os_str().is_empty();
    if name.trim().is_empty() || catalogues.is_empty() {
        return Err(form().to_owned());
    }
    if !is_named(&queries) || !catalogues.iter().all(is_named) {
        return Err(format!("a file has no name: {}", form()));
    }
    Ok(Collection { name: name.trim().to_owned(), queries, catalogues })
}

/// `NAME=DIR`, or `DIR` under the folder's own name.
fn encoder(text: &str) -> Result<(String, PathBuf), String> {
    let (name, dir) = match text.split_once('=') {
        Some((name, dir)) => (name.trim().to_owned(), PathBuf::from(dir)),
        None => {
            let dir = PathBuf::from(text);
            (dir.file_name().unwrap_or_default().to_string_lossy().into_owned(), dir)
        }
    };
    if name.is_empty() || dir.as_os_str().is_empty() {
        return Err("name a folder, or write it as NAME=DIR".to_owned());
    }
    Ok((name, dir))
}

/// What it takes, and how to ask for less.
const BENCH_HELP: &str = "\
Examples:
  hyfunc bench --html bench.html
  hyfunc bench http --concurrency 1,256 --duration-ms 10000
  hyfunc bench retrieval load --functions 1000 --iterations 200 --json
  hyfunc bench start --functions 100,1000,10000
  hyfunc bench gpu --device cuda:0 --html gpu.html

Everything takes a few minutes on two cores. docs/bench.md says what each part measures and \
what the JSON holds.";

/// Options of `bench`.
#[derive(Clone, Debug, Default, Args)]
pub struct BenchArgs {
    /// What to measure; everything but `stock` and `gpu` when left out
    #[arg(value_name = "PART", value_enum)]
    pub parts: Vec<Part>,
    /// Folder or .gguf file that `stock` decodes with [models.checkpoint]
    #[arg(long, value_name = "PATH")]
    pub checkpoint: Option<PathBuf>,
    /// What its weights are held in [models.weights]
    #[arg(long, value_name = "FORMAT", value_parser = ["auto", "q8_0", "q4_k"])]
    pub weights: Option<String>,
    /// GPU that `gpu` measures: cuda, or cuda:N from 0 on [default: cuda:0]
    #[arg(long, value_name = "cuda:N", value_parser = gpu)]
    pub device: Option<usize>,
    /// Milliseconds for which each row is measured, after a tenth of that to warm up [default: 3000]
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u32).range(1..=600_000))]
    pub duration_ms: Option<u32>,
    /// Measure each row so many times instead
    #[arg(
        long,
        value_name = "N",
        conflicts_with = "duration_ms",
        value_parser = clap::value_parser!(u32).range(1..=5_000_000)
    )]
    pub iterations: Option<u32>,
    /// Sizes of the libraries of `retrieval`, `load`, `start` and `gpu`
    #[arg(
        long,
        value_name = "N,N",
        value_delimiter = ',',
        value_parser = clap::value_parser!(u32).range(16..=100_000)
    )]
    pub functions: Vec<u32>,
    /// Connections of `http`, calls of `sandbox` and requests of `gpu` at once
    #[arg(
        long,
        value_name = "N,N",
        value_delimiter = ',',
        value_parser = clap::value_parser!(u32).range(1..=4096)
    )]
    pub concurrency: Vec<u32>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Write a page with tables and pictures besides
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
}

fn gpu(text: &str) -> Result<usize, String> {
    match Device::parse(text) {
        Some(Device::Cuda { ordinal }) => Ok(ordinal),
        Some(Device::Cpu) | None => Err("name a GPU: cuda, or cuda:N with N from 0 on".into()),
    }
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

    /// The lines of a page that type `hyfunc`, in words as a shell would split them.
    fn typed(page: &str) -> Vec<Vec<String>> {
        let page = page.replace("\\\n", " ");
        let fenced = page.split("```").skip(1).step_by(2);
        let lines = fenced.flat_map(str::lines).flat_map(|line| {
            let line = line.split(" #").next().unwrap_or_default();
            line.split("&&").map(str::trim).filter(|typed| typed.starts_with("hyfunc "))
        });
        let words = |line: &str| {
            let (mut words, mut is_quoted) = (vec![String::new()], false);
            for char in line.chars() {
                match char {
                    '\'' => is_quoted = !is_quoted,
                    char if char.is_whitespace() && !is_quoted => words.push(String::new()),
                    char => words.last_mut().expect("there is one").push(char),
                }
            }
            words.retain(|word| !word.is_empty());
            words
        };
        lines.map(words).collect()
    }

    #[test]
    fn whatever_the_pages_type_is_understood() {
        for (name, page, least) in [
            ("README.md", include_str!("../../README.md"), 15),
            ("plugins/README.md", include_str!("../../plugins/README.md"), 8),
            ("plugins/OPERATORS.md", include_str!("../../plugins/OPERATORS.md"), 2),
        ] {
            let lines = typed(page);
            assert!(lines.len() >= least, "{name}: {lines:?}");
            for line in lines {
                let cli = Cli::try_parse_from(&line)
                    .unwrap_or_else(|error| panic!("{name}: {line:?}: {error}"));
                for (key, _) in &cli.set {
                    let is_known = crate::config::KEYS.iter().any(|known| known.path == key);
                    assert!(is_known, "{name}: {key} is no key");
                }
            }
        }
    }

    #[test]
    fn evaluations_are_asked_for_by_ranks_and_categories() {
        let retrieval = |extra: &[&str]| {
            let typed = ["hyfunc", "eval", "retrieval", "--queries", "q", "--catalogue", "c"];
            Cli::try_parse_from(typed.iter().chain(extra)).map(|cli| match cli.command {
                Command::Eval(EvalCommand::Retrieval(args)) => args,
                other => panic!("{other:?}"),
            })
        };
        assert_eq!(retrieval(&[]).unwrap().k, [1, 5, 10]);
        assert_eq!(retrieval(&["--k", "3,7", "--catalogue", "d"]).unwrap().k, [3, 7]);
        for wrong in ["0", "1001", "1,x", ""] {
            assert!(retrieval(&["--k", wrong]).is_err(), "{wrong:?}");
        }
        assert!(retrieval(&["--limit", "0"]).is_err());
        let compared = retrieval(&["--collection", "seal=q,c,d", "--encoder", "m=a/b"]).unwrap();
        let [seal] = compared.collection.as_slice() else { panic!("{compared:?}") };
        assert_eq!((seal.name.as_str(), seal.catalogues.len()), ("seal", 2));
        assert_eq!(compared.encoder, [("m".to_owned(), PathBuf::from("a/b"))]);
        assert_eq!(retrieval(&["--encoder", "a/b"]).unwrap().encoder[0].0, "b");
        for wrong in ["q,c", "seal=q", "=q,c", "seal=,c", "seal=q,"] {
            assert!(retrieval(&["--collection", wrong]).is_err(), "{wrong:?}");
        }
        for wrong in ["", "=a", "m="] {
            assert!(retrieval(&["--encoder", wrong]).is_err(), "{wrong:?}");
        }
        for (typed, is_right) in [
            (vec!["--collection", "a=q,c"], true),
            (vec!["--queries", "q"], false),
            (vec!["--catalogue", "c"], false),
            (vec![], false),
        ] {
            let all = ["hyfunc", "eval", "retrieval"].into_iter().chain(typed.iter().copied());
            assert_eq!(Cli::try_parse_from(all).is_ok(), is_right, "{typed:?}");
        }
        let index = |extra: &[&str]| {
            let typed = ["hyfunc", "eval", "index", "--queries", "q", "--catalogue", "c"];
            Cli::try_parse_from(typed.iter().chain(extra)).map(|cli| match cli.command {
                Command::Eval(EvalCommand::Index(args)) => args,
                other => panic!("{other:?}"),
            })
        };
        let defaults = index(&[]).unwrap();
        assert_eq!((defaults.k, defaults.threads), (10, 1));
        assert_eq!(index(&["--candidates", "16,99"]).unwrap().candidates, [16, 99]);
        for wrong in [["--k", "0"], ["--candidates", "0"], ["--threads", "0"], ["--limit", "0"]] {
            assert!(index(&wrong).is_err(), "{wrong:?}");
        }
        let bfcl = |categories: &str| {
            let typed = ["hyfunc", "eval", "bfcl", "--data", "d", "--categories", categories];
            Cli::try_parse_from(typed).map(|cli| match cli.command {
                Command::Eval(EvalCommand::Bfcl(args)) => args.categories,
                other => panic!("{other:?}"),
            })
        };
        let both = [Category::SimplePython, Category::LiveMultiple];
        assert_eq!(bfcl("simple_python,live_multiple").unwrap(), both);
        let error = bfcl("simple_python,simple").unwrap_err().to_string();
        assert!(error.contains("live_parallel_multiple"), "{error}");
    }

    #[test]
    fn flags_become_settings() {
        let cli = Cli::parse_from([
            "hyfunc",
            "serve",
            "--address",
            "127.0.0.1:0",
            "--device",
            "cuda:7",
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
        assert!(settings.contains(&("models.device".into(), "cuda:7".into())));
        assert_eq!(settings.len(), 3, "what was not typed is not set");

        let cli = Cli::parse_from(["hyfunc", "mcp", "--plugin", "a.wasm", "--plugin", "b.wasm"]);
        let Command::Mcp(mcp) = cli.command else { panic!("mcp was typed") };
        assert_eq!(mcp.settings(), [("plugins.files".to_owned(), "a.wasm,b.wasm".to_owned())]);
        let Command::Mcp(mcp) = Cli::parse_from(["hyfunc", "mcp"]).command else { panic!("mcp") };
        assert!(mcp.settings().is_empty(), "what was not typed is not set");
    }

    #[test]
    fn the_example_of_a_clients_configuration_is_json() {
        let from = MCP_HELP.find('{').expect("it begins");
        let until = MCP_HELP.rfind('}').expect("it ends");
        let json: serde_json::Value = serde_json::from_str(&MCP_HELP[from..=until]).unwrap();
        let server = &json["mcpServers"]["hyfunc"];
        let command = server["command"].as_str().expect("a command").to_owned();
        let arguments = server["args"].as_array().expect("arguments");
        let arguments = arguments.iter().map(|argument| argument.as_str().unwrap().to_owned());
        let cli = Cli::parse_from(std::iter::once(command).chain(arguments));
        assert!(matches!(cli.command, Command::Mcp(_)));
    }
}
