//! The command line. The only place that turns every error into text for a terminal.

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Parser as _;
use hyfunc::app::{self, App};
use hyfunc::cli::{Cli, Command, DemoArgs, EvalCommand, PluginCommand, ServeArgs, TrainCommand};
use hyfunc::config::{self, Effective, Inputs};
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
    let mut flags = match &cli.command {
        Command::Serve(serve) => serve.settings(),
        Command::Demo(_)
        | Command::Config
        | Command::Plugin(_)
        | Command::Call(_)
        | Command::Models
        | Command::Train(_)
        | Command::Eval(_) => Vec::new(),
    };
    flags.extend(cli.set);
    let effective = config::load(&Inputs::from_process(cli.config, flags))?;
    match cli.command {
        Command::Serve(ServeArgs { .. }) => block_on(serve(effective)),
        Command::Demo(args) => block_on(demo(effective, args)),
        Command::Config => print(&effective.to_toml()),
        Command::Plugin(command) => plugin(command),
        Command::Call(args) => block_on(async move {
            print(&commands::call(&effective.config, &args.name, &args.arguments).await?)
        }),
        Command::Models => models(&effective),
        Command::Train(TrainCommand::Tiny(args)) => match commands::single_threaded()? {
            Some(status) if status.success() => Ok(ExitCode::SUCCESS),
            Some(_) => Ok(ExitCode::FAILURE),
            None => print(&commands::train_tiny(args)?),
        },
        Command::Eval(EvalCommand::Requests(args)) => {
            block_on(async move { print(&commands::eval_requests(effective.config, &args).await?) })
        }
        Command::Eval(EvalCommand::Rows(args)) => {
            print(&commands::eval_rows(&effective.config.models, &args)?)
        }
    }
}

fn block_on(work: impl Future<Output = Result<ExitCode>>) -> Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.context("cannot start the async runtime")?.block_on(work)
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
    eprintln!("hyfunc listens on http://{address}\n");
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

async fn demo(effective: Effective, args: DemoArgs) -> Result<ExitCode> {
    hyfunc::demo::run(effective.config, args).await?;
    Ok(ExitCode::SUCCESS)
}

fn plugin(command: PluginCommand) -> Result<ExitCode> {
    match command {
        PluginCommand::Inspect { plugin, json } => print(&commands::inspect(&plugin, json)?),
        PluginCommand::Pack { component, wit, world, out } => {
            print(&commands::pack(&component, &wit, world.as_deref(), &out)?)
        }
    }
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
