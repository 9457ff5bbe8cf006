//! The command line. The only place that turns every error into text for a terminal.

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Parser as _;
use hyfunc::app::{self, App};
use hyfunc::bench::Part;
use hyfunc::cli::{
    AuthorCommand, BenchArgs, Cli, Command, DemoArgs, EvalCommand, KeyCommand, LibraryCommand,
    ModelsCommand, PluginCommand, RegistryCommand, ServeArgs, SigningKeyCommand,
};
use hyfunc::commands::Verdict;
use hyfunc::config::{self, Config, Effective, Inputs};
use hyfunc::threads::{self, Work};
use hyfunc::{commands, telemetry};
use mimalloc::MiMalloc;

/// A request is made on one thread and ends on another: the system's allocator has them wait for
/// each other's locks, which took half of the gateway's own time under load (`bench http`).
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("hyfunc: {}", told(&error));
            ExitCode::FAILURE
        }
    }
}

/// An error with its causes. Many errors tell their cause themselves: nothing is said twice.
fn told(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |told, cause| {
        match (told.is_empty(), told.contains(cause.trim())) {
            (true, _) => cause,
            (false, true) => told,
            (false, false) => format!("{told}: {cause}"),
        }
    })
}

fn run(cli: Cli) -> Result<ExitCode> {
    // Before anything else: it has bounds of its own, and reads nobody's settings.
    if let Command::Compile(args) = &cli.command {
        return Ok(commands::compile(args));
    }
    let mut flags = match &cli.command {
        Command::Serve(serve) => serve.settings(),
        Command::Mcp(mcp) => mcp.settings(),
        Command::Key(command) => command.settings(),
        Command::Demo(_)
        | Command::Config
        | Command::Plugin(_)
        | Command::Call(_)
        | Command::Models(_)
        | Command::Train(_)
        | Command::Eval(_)
        | Command::Bench(_)
        | Command::Compile(_) => Vec::new(),
    };
    flags.extend(cli.set);
    let inputs = Inputs::from_process(cli.config, flags);
    let effective = config::load(&inputs)?;
    threads::settle(work(&cli.command, &effective.config))
        .context("cannot set the threads of tensor operations; set RAYON_NUM_THREADS=1")?;
    match cli.command {
        Command::Serve(ServeArgs { .. }) => block_on(serve(effective, inputs)),
        Command::Mcp(_) => block_on(mcp(effective)),
        Command::Demo(args) => block_on(demo(effective, args)),
        Command::Config => print(&effective.to_toml()),
        Command::Plugin(command) => plugin(effective.config, command),
        Command::Key(command) => key(&effective.config, command),
        Command::Call(args) => block_on(async move {
            print(&commands::call(&effective.config, &args.name, &args.arguments).await?)
        }),
        Command::Models(args) => models(&effective, args.command),
        Command::Train(command) => print(&commands::train(command)?),
        Command::Eval(EvalCommand::Requests(args)) => {
            block_on(async move { print(&commands::eval_requests(effective.config, &args).await?) })
        }
        Command::Eval(EvalCommand::Rows(args)) => {
            print(&commands::eval_rows(&effective.config.models, &args)?)
        }
        Command::Eval(EvalCommand::Retrieval(args)) => {
            print(&commands::eval_retrieval(&effective.config, &args)?)
        }
        Command::Eval(EvalCommand::Index(args)) => {
            print(&commands::eval_index(&effective.config, &args)?)
        }
        Command::Eval(EvalCommand::Bfcl(args)) => {
            block_on(async move { print(&commands::eval_bfcl(effective.config, &args).await?) })
        }
        Command::Eval(EvalCommand::Ablation(args)) => {
            print(&commands::eval_ablation(&effective.config.models, args)?)
        }
        Command::Bench(args) => block_on(bench(effective, args)),
        Command::Compile(args) => Ok(commands::compile(&args)),
    }
}

/// What the process will mostly do.
fn work(command: &Command, config: &Config) -> Work {
    match command {
        Command::Train(_) | Command::Eval(EvalCommand::Ablation(_)) => Work::Train,
        // The other parts measure the models that are trained here.
        Command::Bench(args) if args.parts.as_slice() == [Part::Stock] => Work::Stock,
        Command::Bench(_) => Work::Serve,
        _ if config.models.preset == config::STOCK => Work::Stock,
        _ => Work::Serve,
    }
}

fn block_on(work: impl Future<Output = Result<ExitCode>>) -> Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.context("cannot start the async runtime")?;
    let done = runtime.block_on(work);
    // A read of standard input that has begun cannot be taken back: do not wait for its end.
    runtime.shutdown_background();
    done
}

/// A reader that has seen enough (`| head`) is no error.
fn print(text: &str) -> Result<ExitCode> {
    let mut stdout = std::io::stdout();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(anyhow::Error::new(error).context("cannot write to standard output"))
        }
        _ => Ok(ExitCode::SUCCESS),
    }
}

async fn serve(effective: Effective, inputs: Inputs) -> Result<ExitCode> {
    let telemetry = telemetry::start(&effective.config.telemetry)?;
    let key =
        if effective.config.keys.file.is_empty() { "" } else { " -H 'authorization: Bearer KEY'" };
    let serving = App::build(effective.config).await?.listen().await?;
    serving.reloader().watch(inputs).context("cannot listen for SIGHUP")?;
    let stopped = app::stop_signal();
    let url = format!("{}://{}", serving.scheme(), serving.address());
    eprintln!("hyfunc listens on {url}: open it in a browser, or\n");
    eprintln!(
        "  curl {url}/v1/chat/completions{key} -H 'content-type: application/json' \\\n    \
         -d '{{\"model\": \"hyfunc-tiny\", \"messages\": [{{\"role\": \"user\", \
         \"content\": \"how many miles are 3 km?\"}}]}}'\n"
    );
    if let Some(admin) = serving.admin_address() {
        eprintln!("plugins are published to http://{admin} (hyfunc plugin publish)\n");
    }
    let all_finished = serving.run(stopped).await;
    telemetry.shutdown().await;
    if !all_finished {
        eprintln!("hyfunc: some requests did not finish within server.shutdown_ms_max");
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

/// Standard output is the client's: whatever else is to be said goes to standard error.
async fn mcp(effective: Effective) -> Result<ExitCode> {
    let line_bytes_max = effective.config.request.body_bytes_max;
    let telemetry = telemetry::start(&effective.config.telemetry)?;
    let server = App::build(effective.config).await?.mcp();
    let served =
        hyfunc::mcp::stdio::serve(server, line_bytes_max, Box::pin(app::stop_signal())).await;
    telemetry.shutdown().await;
    served?;
    Ok(ExitCode::SUCCESS)
}

async fn bench(mut effective: Effective, args: BenchArgs) -> Result<ExitCode> {
    // Spans cost what they cost in `serve`; that a gateway is ready is said for none of the many.
    effective.config.telemetry.log.push_str(",hyfunc::app=error");
    let telemetry = telemetry::start(&effective.config.telemetry)?;
    let text = commands::bench(effective.config, &args).await?;
    telemetry.shutdown().await;
    print(&text)
}

async fn demo(effective: Effective, args: DemoArgs) -> Result<ExitCode> {
    hyfunc::demo::run(effective.config, args).await?;
    Ok(ExitCode::SUCCESS)
}

/// The key alone goes to standard output, so that a script can take it.
fn key(config: &Config, command: KeyCommand) -> Result<ExitCode> {
    match command {
        KeyCommand::Create(args) => {
            let made = commands::create_key(&config.keys, &args)?;
            eprint!("{}", made.note);
            print(&made.token)
        }
        KeyCommand::List(args) => print(&commands::list_keys(&config.keys, args.json)?),
        KeyCommand::Revoke(args) => print(&commands::revoke_key(&config.keys, &args.key)?),
    }
}

fn plugin(config: Config, command: PluginCommand) -> Result<ExitCode> {
    match command {
        PluginCommand::Author(command) => author(config, command),
        PluginCommand::Library(command) => block_on(library(command)),
        PluginCommand::Registry(command) => block_on(registry(config, command)),
        PluginCommand::Inspect { plugin, json } => print(&commands::inspect(&plugin, json)?),
        PluginCommand::Pack { component, wit, world, out } => {
            print(&commands::pack(&component, &wit, world.as_deref(), &out)?)
        }
    }
}

fn author(config: Config, command: AuthorCommand) -> Result<ExitCode> {
    match command {
        AuthorCommand::New(args) => print(&commands::new_plugin(&args.name, args.lang, &args.dir)?),
        AuthorCommand::Build(args) => {
            let (world, out) = (args.world.as_deref(), args.out.as_deref());
            let options = commands::BuildOptions { language: args.lang, world, out };
            print(&commands::build_plugin(&args.folder, &options)?)
        }
        AuthorCommand::Check(args) => block_on(async move {
            let options = commands::CheckOptions { json: args.json, strict: args.strict };
            judge(&commands::check_plugin(&config, &args.plugin, options).await?)
        }),
        AuthorCommand::Call(args) => block_on(async move {
            let (function, arguments) = (&args.function, &args.arguments);
            let called =
                commands::call_plugin(&config, &args.plugin, function, arguments, args.json);
            judge(&called.await?)
        }),
        AuthorCommand::Test(args) => block_on(async move {
            let options = commands::TrialOptions { json: args.json, strict: args.strict };
            judge(&commands::test_plugin(config, &args.plugin, options).await?)
        }),
    }
}

async fn library(command: LibraryCommand) -> Result<ExitCode> {
    let text = match command {
        LibraryCommand::Publish(args) => commands::publish_plugin(&args).await?,
        LibraryCommand::Approve(args) => commands::approve_plugin(&args).await?,
        LibraryCommand::Remove(args) => commands::remove_plugin(&args).await?,
        LibraryCommand::List(args) => commands::list_plugins(&args).await?,
    };
    print(&text)
}

async fn registry(config: Config, command: RegistryCommand) -> Result<ExitCode> {
    match command {
        RegistryCommand::Push(args) => print(&commands::push_plugin(&args).await?),
        RegistryCommand::Pull(args) => print(&commands::pull_plugin(&config, &args).await?),
        RegistryCommand::Sign(args) => print(&commands::sign_plugin(&args).await?),
        RegistryCommand::Index(args) => print(&commands::index_plugins(&args).await?),
        RegistryCommand::Verify(args) => print(&commands::verify_plugin(&args).await?),
        RegistryCommand::Key(SigningKeyCommand::Generate(args)) => {
            print(&commands::generate_key(&args.out)?)
        }
    }
}

/// A report that is no good one is printed all the same.
fn judge(verdict: &Verdict) -> Result<ExitCode> {
    print(&verdict.text)?;
    Ok(if verdict.is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn models(effective: &Effective, command: Option<ModelsCommand>) -> Result<ExitCode> {
    match command {
        Some(ModelsCommand::Pull(args)) => {
            return block_on(async move { print(&commands::pull_model(&args).await?) });
        }
        Some(ModelsCommand::List(args)) => return print(&commands::list_models(&args)?),
        Some(ModelsCommand::Verify(args)) => return judge(&commands::verify_models(&args)?),
        None => {}
    }
    let models = &effective.config.models;
    if models.preset == config::STOCK {
        return print(&commands::stock_model(models)?);
    }
    let info = app::models(models)?.info();
    let from = match models.dir.as_str() {
        "" => "embedded",
        dir => dir,
    };
    print(&format!(
        "{}\n  from      {from}\n  large     {} parameters\n  small     {} parameters\n  sha256    {}\n",
        info.id, info.parameters_large, info.parameters_small, info.digest
    ))
}
