//! One call: a fresh store and instance, and what came of it.

use std::time::Instant;

use hyfunc_functions::{Export, Value};
use wasmtime::component::{ResourceTableError, Val};
use wasmtime::{Store, Trap, UpdateDeadline, WasmBacktrace};
use wasmtime_wasi::I32Exit;

use crate::config::SandboxConfig;
use crate::convert::{Budget, Mismatch, Signature};
use crate::error::CallError;
use crate::gate::Full;
use crate::host::keyvalue::KeyValueAccess;
use crate::host::log::LogLine;
use crate::host::state::{Facts, State};
use crate::limits::{LimitHit, TASK_ENTRIES_PER_HANDLE};
use crate::plugin::{Entry, Plugin};
use crate::watch::Watch;

/// When an overloaded caller should come back: about as long as a waiting call waits.
const RETRY_AFTER_MS: u64 = 1_000;
/// Of standard error, how much is quoted when a guest traps.
const QUOTE_CHARS_MAX: usize = 300;

/// What a call is given beside its arguments.
#[derive(Clone, Debug)]
pub struct CallContext {
    /// Identifier of the request, which the guest may read and log.
    pub request_id: String,
    /// When the call is ended. `SandboxConfig::deadline_ms_max` holds beside it.
    pub deadline: Instant,
    /// W3C trace context, which the guest may hand on.
    pub traceparent: Option<String>,
    /// Whose key-value data the call sees.
    pub tenant: String,
}

/// What came of a call that ran to its end.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// What the function returned.
    pub result: OutcomeResult,
    /// Where the time went.
    pub timings: CallTimings,
    /// Most linear memory that the guest had at once.
    pub memory_bytes_peak: u64,
    /// What the guest wrote.
    pub logs: Vec<LogLine>,
}

/// What came of a call, however it ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Attempt {
    /// What the function returned, or why there is nothing.
    pub result: Result<OutcomeResult, CallError>,
    /// Where the time went: nothing for what the call did not come to.
    pub timings: CallTimings,
    /// Most linear memory that the guest had at once.
    pub memory_bytes_peak: u64,
    /// What the guest wrote until its end.
    pub logs: Vec<LogLine>,
}

/// What a function returned.
#[derive(Clone, Debug, PartialEq)]
pub enum OutcomeResult {
    /// A value of the function's type, or the `ok` payload where that is a `result`; none where
    /// there is nothing to return.
    Value(Option<Value>),
    /// The `err` payload of a function that returns a `result`: an answer, not a failure of the
    /// sandbox.
    ToolError(Option<Value>),
}

/// Where the time of a call went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallTimings {
    /// Waiting for a free slot.
    pub queue_us: u64,
    /// Making the store and the instance.
    pub instantiate_us: u64,
    /// Running the function, its host calls included.
    pub run_us: u64,
}

impl Plugin {
    /// Calls an exported function in an instance of its own, which is gone afterwards.
    ///
    /// Dropping the future ends the call, wherever it is, and frees what it held.
    ///
    /// # Errors
    /// If the arguments are not of the parameters' types, a limit was hit, the guest trapped, or
    /// too many calls wait already.
    pub async fn call(
        &self,
        export: &Export,
        arguments: &Value,
        context: CallContext,
    ) -> Result<Outcome, CallError> {
        let Attempt { result, timings, memory_bytes_peak, logs } =
            self.attempt(export, arguments, context).await;
        Ok(Outcome { result: result?, timings, memory_bytes_peak, logs })
    }

    /// The same, and what was seen of it where it failed, too.
    pub async fn attempt(
        &self,
        export: &Export,
        arguments: &Value,
        context: CallContext,
    ) -> Attempt {
        let mut watch = Watch::default();
        let result = self.watched(export, arguments, context, &mut watch).await;
        Attempt {
            result,
            timings: watch.timings(),
            memory_bytes_peak: watch.memory_bytes_peak(),
            logs: watch.take_logs(),
        }
    }

    async fn watched(
        &self,
        export: &Export,
        arguments: &Value,
        context: CallContext,
        watch: &mut Watch,
    ) -> Result<OutcomeResult, CallError> {
        let entry = self.entry(export)?;
        let vals = entry.signature.lower(arguments).map_err(arguments_error)?;
        let start = Instant::now();
        watch.began = Some(start);
        let deadline = context.deadline.min(start + self.config().deadline_max());
        let running = self.run(entry, vals, context, deadline, watch);
        let ms = deadline.saturating_duration_since(start).as_millis() as u64;
        match tokio::time::timeout_at(deadline.into(), running).await {
            Ok(Err(Failure::Limit(LimitHit::Deadline))) | Err(_) => Err(CallError::Deadline { ms }),
            Ok(Err(Failure::Limit(LimitHit::Memory))) => {
                Err(CallError::MemoryLimit { bytes_max: self.config().memory_bytes_rounded() })
            }
            Ok(Err(Failure::Limit(LimitHit::Table))) => {
                let elements_max = self.config().table_elements_max;
                Err(CallError::TableLimit { elements_max })
            }
            Ok(Err(Failure::Call(error))) => Err(error),
            Ok(Ok(result)) => Ok(result),
        }
    }

    /// Locals are dropped in reverse: the store goes before the permits, so that its slot in the
    /// pool is free when somebody else is let in.
    async fn run(
        &self,
        entry: &Entry,
        vals: Vec<Val>,
        context: CallContext,
        deadline: Instant,
        watch: &mut Watch,
    ) -> Result<OutcomeResult, Failure> {
        let overloaded = |_: Full| {
            let plugin = self.name().to_owned();
            CallError::Overloaded { plugin, retry_after_ms: RETRY_AFTER_MS }
        };
        let _own = self.gate().enter().await.map_err(overloaded)?;
        let _any = self.machine_gate().enter().await.map_err(overloaded)?;
        let work = self.work(entry, vals, context, deadline, watch);
        self.lane().run(self.pace(), work).await
    }

    /// From the store to the result. What it holds is gone with its last poll, in the call's turn.
    async fn work(
        &self,
        entry: &Entry,
        vals: Vec<Val>,
        context: CallContext,
        deadline: Instant,
        watch: &mut Watch,
    ) -> Result<OutcomeResult, Failure> {
        watch.entered = Some(Instant::now());
        let mut store = self.store(context, deadline);
        watch.follow(store.data());
        let instance = match self.instance_pre().instantiate_async(&mut store).await {
            Ok(instance) => instance,
            Err(error) => return Err(failure(self, store.data(), error)),
        };
        let function = instance
            .get_func(&mut store, entry.index)
            .expect("the index was taken from this component at load");
        watch.instantiated = Some(Instant::now());
        let mut results = [Val::Bool(false)];
        let results = &mut results[..usize::from(entry.signature.returns.is_some())];
        let called = function.call_async(&mut store, &vals, results).await;
        let ran = Instant::now();
        watch.ran = Some(ran);
        let called = called.map_err(|error| failure(self, store.data(), error));
        // Requests of the guest end at the deadline, too: what it makes of that comes too late,
        // however late whatever ends the call is itself.
        if ran >= deadline {
            return Err(Failure::Limit(LimitHit::Deadline));
        }
        called?;
        let val = results.first_mut().map(|val| std::mem::replace(val, Val::Bool(false)));
        Ok(outcome_result(&entry.signature, val, self.config())?)
    }

    fn store(&self, context: CallContext, deadline: Instant) -> Store<State> {
        let config = self.config();
        let keyvalue = KeyValueAccess {
            spaces: self.spaces(),
            plugin: self.shared_name(),
            tenant: context.tenant,
        };
        let facts =
            Facts { request_id: context.request_id, deadline, traceparent: context.traceparent };
        let state = State::new(config, self.name(), self.shared_grants(), keyvalue, facts);
        let mut store = Store::new(self.engine(), state);
        store.limiter(|state| &mut state.limiter);
        store.set_hostcall_fuel(config.hostcall_bytes_max);
        store.set_max_component_handles(config.handles_max);
        // Only stores of the engine for async have one.
        if let Some(table) = store.concurrent_resource_table() {
            table.set_max_capacity(config.handles_max.saturating_mul(TASK_ENTRIES_PER_HANDLE));
        }
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(move |_| {
            if Instant::now() >= deadline {
                return Err(LimitHit::Deadline.into());
            }
            Ok(UpdateDeadline::Yield(1))
        });
        store
    }
}

/// Why a call ended early, before the limits are spelled out.
enum Failure {
    Limit(LimitHit),
    Call(CallError),
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        Self::Call(error)
    }
}

pub(crate) fn arguments_error(mismatch: Mismatch) -> CallError {
    CallError::Arguments {
        path: mismatch.path(),
        expected: mismatch.expected,
        found: mismatch.found,
    }
}

fn outcome_result(
    signature: &Signature,
    val: Option<Val>,
    config: &SandboxConfig,
) -> Result<OutcomeResult, CallError> {
    let (Some(shape), Some(val)) = (&signature.returns, val) else {
        return Ok(OutcomeResult::Value(None));
    };
    let bytes_max = config.result_bytes_max;
    let value = shape
        .lift(val, &mut Budget::new(bytes_max))
        .map_err(|_| CallError::ResultTooLarge { bytes_max })?;
    Ok(match value {
        Value::Result(Ok(value)) => OutcomeResult::Value(value.map(|value| *value)),
        Value::Result(Err(value)) => OutcomeResult::ToolError(value.map(|value| *value)),
        value => OutcomeResult::Value(Some(value)),
    })
}

/// Which limit an error of wasmtime stands for. Two of its errors have no public type and are
/// told by their text, which the tests pin.
fn failure(plugin: &Plugin, state: &State, error: wasmtime::Error) -> Failure {
    let config = plugin.config();
    if let Some(hit) = error.downcast_ref::<LimitHit>() {
        return Failure::Limit(*hit);
    }
    let cause = error.root_cause().to_string();
    Failure::Call(if error.downcast_ref::<Trap>() == Some(&Trap::StackOverflow) {
        CallError::StackOverflow { bytes_max: config.stack_bytes_max }
    } else if cause.contains("fuel allocated for hostcalls has been exhausted") {
        // Inside a host call the guest's frames are on the stack; while its result is read
        // they are not. A task hands its result over in a host call.
        match error.downcast_ref::<WasmBacktrace>() {
            Some(_) => CallError::HostCallTooLarge { bytes_max: config.hostcall_bytes_max },
            None => CallError::ResultTooLarge { bytes_max: config.result_bytes_max },
        }
    } else if cause.contains("store handle limit exceeded")
        || matches!(error.downcast_ref(), Some(ResourceTableError::Full))
    {
        CallError::HandleLimit { handles_max: config.handles_max }
    } else {
        CallError::Trap { message: trap_message(&error, cause, state.log.lock().lines()) }
    })
}

/// A panic says what happened on standard error alone; the trap itself is just `unreachable`.
fn trap_message(error: &wasmtime::Error, cause: String, logs: &[LogLine]) -> String {
    let what = match error.downcast_ref::<I32Exit>() {
        Some(I32Exit(status)) => format!("it exited with status {status}"),
        None => cause,
    };
    let mut written = logs.iter().filter(|line| line.context == "stderr");
    let is_panic = |line: &&LogLine| line.message.contains("panicked at");
    let quote: Vec<&str> = match written.clone().position(|line| is_panic(&line)) {
        Some(position) => written.skip(position).take(2).map(|line| line.message.trim()).collect(),
        None => written.next_back().map(|line| line.message.trim()).into_iter().collect(),
    };
    if quote.is_empty() {
        return what;
    }
    let quote: String = quote.join(" ").chars().take(QUOTE_CHARS_MAX).collect();
    format!("{what}; it wrote: {quote}")
}
