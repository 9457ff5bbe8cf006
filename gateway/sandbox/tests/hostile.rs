//! Every plugin of `tests/hostile` does its worst, and ends as its `case.toml` says, while calls of
//! a bundled plugin run beside it: none of those fails.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

#[path = "support/beside.rs"]
mod beside;
#[path = "support/corpus.rs"]
mod corpus;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use beside::{Healthy, Server, bundled};
use corpus::{Call, Case, cases, config, load_error, told};
use hyfunc_functions::names::{Wanted, resolve};
use hyfunc_functions::{json, plain, reply};
use hyfunc_sandbox::{
    CallError, Grants, LoadError, LogLine, Outcome, OutcomeResult, Plugin, Sandbox,
};

/// Fewest cases: a corpus that cannot be found would pass.
const CASES_MIN: usize = 40;
/// How often a plugin attacks, at most, that is to reach a server and does not.
const TRIES_MAX: usize = 50;
/// Between two healthy calls.
const PAUSE: Duration = Duration::from_millis(1);

/// What all cases share.
struct World {
    sandbox: Sandbox,
    healthy: Healthy,
    server: Arc<Server>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn each_is_contained_while_others_are_served() {
    let sandbox = Sandbox::new(config()).unwrap();
    let healthy = Healthy::load(&sandbox);
    let world = Arc::new(World { sandbox, healthy, server: Server::start().await });
    let mut failures = Vec::new();
    let mut ran = 0;
    for case in cases().into_iter().map(Arc::new) {
        let (stop, calls) = call_beside(&world);
        if let Err(reason) = check(&case, &world).await {
            failures.push(format!("{}: {reason} (it {})", case.name, lowered(&case.tries)));
        }
        stop.store(true, Ordering::SeqCst);
        if let Err(reason) = calls.await.unwrap() {
            failures.push(format!("{}: a healthy call beside it failed: {reason}", case.name));
        }
        if let Err(reason) = world.healthy.call().await {
            failures.push(format!("{}: the healthy call after it failed: {reason}", case.name));
        }
        ran += 1;
    }
    assert!(ran >= CASES_MIN, "only {ran} cases");
    assert!(failures.is_empty(), "{} of {ran}:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn every_case_says_what_it_tries_and_what_must_come_of_it() {
    for case in cases() {
        let name = &case.name;
        assert!(case.tries.ends_with('.') && case.must.ends_with('.'), "{name}: write sentences");
        assert!(case.load.is_some() == case.call.is_empty(), "{name}: either load or call");
        assert!(case.at_once > 0, "{name}: at_once is 1 or more");
        for call in &case.call {
            let is_clean = call.error.is_none();
            assert!(is_clean || call.result.is_none(), "{name}: an error and a result");
            assert!(!is_clean || call.says.is_empty(), "{name}: `says` is of an error");
        }
    }
}

fn lowered(sentence: &str) -> String {
    let mut characters = sentence.trim_end_matches('.').chars();
    characters
        .next()
        .map(|first| first.to_lowercase().chain(characters).collect())
        .unwrap_or_default()
}

/// Calls the healthy plugin again and again until it is told to stop, at least once.
fn call_beside(
    world: &Arc<World>,
) -> (Arc<AtomicBool>, tokio::task::JoinHandle<Result<(), String>>) {
    let stop = Arc::new(AtomicBool::new(false));
    let (world, stopped) = (Arc::clone(world), Arc::clone(&stop));
    let calls = tokio::spawn(async move {
        loop {
            world.healthy.call().await?;
            if stopped.load(Ordering::SeqCst) {
                return Ok(());
            }
            tokio::time::sleep(PAUSE).await;
        }
    });
    (stop, calls)
}

/// Loads a case under one name, where blocking does no harm.
async fn load(case: &Arc<Case>, name: &str, world: &World) -> Result<Plugin, LoadError> {
    let (case, name) = (Arc::clone(case), name.to_owned());
    let (sandbox, port) = (world.sandbox.clone(), world.server.port);
    let loading = tokio::task::spawn_blocking(move || {
        case.sandbox(&sandbox).load(&name, &case.component(), &case.grants(port))
    });
    loading.await.unwrap()
}

async fn check(case: &Arc<Case>, world: &Arc<World>) -> Result<(), String> {
    let loaded = load(case, &case.name, world).await;
    let plugin = match (&case.load, loaded) {
        (None, Ok(plugin)) => plugin,
        (None, Err(error)) => return Err(format!("it did not load: {error}")),
        (Some(refused), Ok(_)) => return Err(format!("it loaded, without `{}`", refused.error)),
        (Some(refused), Err(error)) => {
            let is_named = load_error(&error) == refused.error;
            let is_said = error.to_string().contains(&refused.says);
            let found = || format!("not `{}` but {}: {error}", refused.error, load_error(&error));
            return if is_named && is_said { Ok(()) } else { Err(found()) };
        }
    };
    check_refused(case, &plugin)?;
    check_names(case, &plugin, world)?;
    let mut plugins = BTreeMap::from([(case.name.clone(), plugin)]);
    for call in &case.call {
        let name = call.plugin(case);
        if !plugins.contains_key(name) {
            let plugin = load(case, name, world).await.map_err(|error| error.to_string())?;
            plugins.insert(name.to_owned(), plugin);
        }
    }
    let peak = attacked(case, &Arc::new(plugins), world).await?;
    match case.connections_max {
        // Twice: a connection that the client has closed is counted until the server sees it.
        Some(max) if peak > 2 * max * case.at_once => Err(format!("{peak} connections were open")),
        Some(_) if peak == 0 => Err("it reached no server".to_owned()),
        _ => Ok(()),
    }
}

/// Lets it attack; gives the most connections that were open to the server at once. On a busy
/// machine a deadline may pass before the server is reached: then it tries again.
async fn attacked(
    case: &Arc<Case>,
    plugins: &Arc<BTreeMap<String, Plugin>>,
    world: &World,
) -> Result<usize, String> {
    let mut peak = 0;
    for _ in 0..TRIES_MAX {
        world.server.take_peak();
        let attackers: Vec<_> = (0..case.at_once)
            .map(|_| tokio::spawn(attack(Arc::clone(case), Arc::clone(plugins), world.server.port)))
            .collect();
        for attacker in attackers {
            attacker.await.map_err(|error| format!("it panicked: {error}"))??;
        }
        peak = world.server.take_peak();
        if case.connections_max.is_none() || peak > 0 {
            break;
        }
    }
    Ok(peak)
}

/// All its calls in order.
async fn attack(
    case: Arc<Case>,
    plugins: Arc<BTreeMap<String, Plugin>>,
    port: u16,
) -> Result<(), String> {
    for (position, call) in case.call.iter().enumerate() {
        let plugin = &plugins[call.plugin(&case)];
        let at = |reason: String| format!("call {position}, {}: {reason}", call.arguments);
        match call.run(plugin, port).await {
            Ok(outcome) => check_outcome(call, plugin, port, &outcome).map_err(at)?,
            Err(error) => check_error(call, &error).map_err(at)?,
        }
    }
    Ok(())
}

fn check_error(call: &Call, error: &CallError) -> Result<(), String> {
    let expected = call.error.as_deref().unwrap_or("a clean end");
    if error.kind() == expected && error.to_string().contains(&call.says) {
        return Ok(());
    }
    Err(format!("not {expected} that says `{}` but {}: {error}", call.says, error.kind()))
}

fn check_outcome(call: &Call, plugin: &Plugin, port: u16, outcome: &Outcome) -> Result<(), String> {
    if let Some(error) = &call.error {
        return Err(format!("no {error}: it returned {:?}", outcome.result));
    }
    check_logs(call, &outcome.logs)?;
    let function = call.of(plugin);
    let (value, ty) = match (&outcome.result, told(function)) {
        (OutcomeResult::Value(Some(value)), Some(ty)) => (value, ty),
        (OutcomeResult::Value(None), _) if call.result.is_none() => return Ok(()),
        (other, _) => return Err(format!("it returned {other:?}")),
    };
    let result = json::to_json(ty, value);
    if call.result.as_ref().is_some_and(|expected| *expected != result) {
        return Err(format!("it returned {result}"));
    }
    let Some(says) = &call.reply_error else { return Ok(()) };
    let template = function.reply.as_deref().ok_or("it has no reply")?;
    match reply::render_reply(template, ty, value, &call.arguments(port)) {
        Ok(text) => Err(format!("its reply has {} bytes", text.len())),
        Err(error) if error.to_string().contains(says) => Ok(()),
        Err(error) => Err(format!("its reply fails otherwise: {error}")),
    }
}

fn check_logs(call: &Call, logs: &[LogLine]) -> Result<(), String> {
    let own = logs.iter().filter(|line| line.context != "hyfunc");
    let bytes: usize = own.map(|line| line.context.len() + line.message.len()).sum();
    if call.logs_bytes_max.is_some_and(|max| bytes > max) {
        return Err(format!("{bytes} bytes of log were kept"));
    }
    if let Some(said) = &call.logs_say
        && !logs.iter().any(|line| line.message.contains(said))
    {
        return Err(format!("no log line says `{said}`"));
    }
    let is_plain = |text: &String| {
        text.chars().all(|character| character != '\n' && plain::is_plain(character))
    };
    if call.logs_plain
        && !logs.iter().all(|line| is_plain(&line.message) && is_plain(&line.context))
    {
        return Err(format!("log lines are not plain: {logs:?}"));
    }
    Ok(())
}

fn check_refused(case: &Case, plugin: &Plugin) -> Result<(), String> {
    let refused: BTreeSet<&str> =
        plugin.refused().iter().map(|refusal| refusal.name.as_str()).collect();
    let expected: BTreeSet<&str> = case.refused.iter().map(String::as_str).collect();
    if refused == expected { Ok(()) } else { Err(format!("{refused:?} were refused")) }
}

/// The names in a library with another plugin, whichever was loaded first.
fn check_names(case: &Case, plugin: &Plugin, world: &World) -> Result<(), String> {
    let Some(name) = &case.beside else { return Ok(()) };
    let loaded = world.sandbox.load(name, bundled(name), &Grants::default());
    let other = loaded.map_err(|error| error.to_string())?;
    for plugins in [[plugin, &other], [&other, plugin]] {
        let wanted: Vec<Wanted<'_>> = plugins
            .into_iter()
            .flat_map(|plugin| plugin.functions().iter().map(move |function| (plugin, function)))
            .map(|(plugin, function)| Wanted { plugin: plugin.name(), name: &function.name })
            .collect();
        let names = resolve(&wanted).map_err(|error| error.to_string())?;
        let own: Vec<&String> = names
            .iter()
            .zip(&wanted)
            .filter(|(_, wanted)| wanted.plugin == plugin.name())
            .map(|(name, _)| name)
            .collect();
        if own != case.library.iter().collect::<Vec<_>>() {
            return Err(format!("its functions are called {own:?}"));
        }
    }
    Ok(())
}
