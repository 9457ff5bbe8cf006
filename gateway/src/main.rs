//! The command line. The only place that turns every error into text for a terminal.

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Parser as _;
use hyfunc::app::{self, App};
use hyfunc::cli::{
    AuthorCommand, BenchArgs, Cli, Command, DemoArgs, EvalCommand, KeyCommand, PluginCommand,
    RegistryCommand, ServeArgs, TrainCommand,
};
use hyfunc::commands::Verdict;
use hyfunc::config::{self, Config, Effective, Inputs};
use hyfunc::threads::{self, Work};
use hyfunc::{commands, telemetry};

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("hyfunc: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> Result<ExitCode> {
    let trains = matches!(cli.command, Command::Train(_));
    threads::settle(if trains { Work::Train } else { Work::Serve })
        .context("cannot set the threads of tensor operations; set RAYON_NUM_THREADS=1")?;
    let mut flags = match &cli.command {
        Command::Serve(serve) => serve.settings(),
        Command::Mcp(mcp) => mcp.settings(),
        Command::Demo(_)
        | Command::Config
        | Command::Plugin(_)
        | Command::Call(_)
        | Command::Models
        | Command::Train(_)
        | Command::Eval(_)
        | Command::Bench(_) => Vec::new(),
    };
    flags.extend(cli.set);
    let effective = config::load(&Inputs::from_process(cli.config, flags))?;
    match cli.command {
        Command::Serve(ServeArgs { .. }) => block_on(serve(effective)),
        Command::Mcp(_) => block_on(mcp(effective)),
        Command::Demo(args) => block_on(demo(effective, args)),
        Command::Config => print(&effective.to_toml()),
        Command::Plugin(command) => plugin(effective.config, command),
        Command::Call(args) => block_on(async move {
            print(&commands::call(&effective.config, &args.name, &args.arguments).await?)
        }),
        Command::Models => models(&effective),
        Command::Train(TrainCommand::Tiny(args)) => print(&commands::train_tiny(args)?),
        Command::Eval(EvalCommand::Requests(args)) => {
            block_on(async move { print(&commands::eval_requests(effective.config, &args).await?) })
        }
        Command::Eval(EvalCommand::Rows(args)) => {
            print(&commands::eval_rows(&effective.config.models, &args)?)
        }
        Command::Eval(EvalCommand::Retrieval(args)) => {
            print(&commands::eval_retrieval(&effective.config, &args)?)
        }
        Command::Eval(EvalCommand::Bfcl(args)) => {
            block_on(async move { print(&commands::eval_bfcl(effective.config, &args).await?) })
        }
        Command::Bench(args) => block_on(bench(effective, args)),
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
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(ExitCode::SUCCESS),
    }
}

async fn serve(effective: Effective) -> Result<ExitCode> {
    let telemetry = telemetry::start(&effective.config.telemetry)?;
    let serving = App::build(effective.config).await?.listen().await?;
    let address = serving.address();
    eprintln!("hyfunc listens on http://{address}: open it in a browser, or\n");
    eprintln!(
        "  curl http://{address}/v1/chat/completions -H 'content-type: application/json' \\\n    \
         -d '{{\"model\": \"hyfunc-tiny\", \"messages\": [{{\"role\": \"user\", \
         \"content\": \"how many miles are 3 km?\"}}]}}'\n"
    );
    let all_finished = serving.run(app::stop_signal()).await;
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

fn plugin(config: Config, command: PluginCommand) -> Result<ExitCode> {
    match command {
        PluginCommand::Author(command) => author(config, command),
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
            print(&called.await?)
        }),
        AuthorCommand::Test(args) => block_on(async move {
            let options = commands::TrialOptions { json: args.json, strict: args.strict };
            judge(&commands::test_plugin(config, &args.plugin, options).await?)
        }),
    }
}

async fn registry(config: Config, command: RegistryCommand) -> Result<ExitCode> {
    match command {
        RegistryCommand::Push(args) => print(&commands::push_plugin(&args).await?),
        RegistryCommand::Pull(args) => print(&commands::pull_plugin(&config, &args).await?),
        RegistryCommand::Sign(args) => print(&commands::sign_plugin(&args).await?),
        RegistryCommand::Verify(args) => print(&commands::verify_plugin(&args).await?),
        RegistryCommand::Key(KeyCommand::Generate(args)) => {
            print(&commands::generate_key(&args.out)?)
        }
    }
}

/// A report that is no good one is printed all the same.
fn judge(verdict: &Verdict) -> Result<ExitCode> {
    print(&verdict.text)?;
    Ok(if verdict.is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn models(effective: &Effective) -> Result<ExitCode> {
    let cascade = app::cascade(&effective.config.models)?;
    let info = cascade.info();
    let from = match effective.config.models.dir.as_str() {
        "" => "embedded",
        dir => dir,
    };
    print(&format!(
        "{}\n  from      {from}\n  large     {} parameters\n  small     {} parameters\n  sha256    {}\n",
        info.id, info.parameters_large, info.parameters_small, info.digest
    ))
}
