//! What belongs to one call: the data of its store.

use std::sync::Arc;
use std::time::Instant;

use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::config::SandboxConfig;
use crate::grants::Grants;
use crate::host::http::Outgoing;
use crate::host::keyvalue::KeyValueAccess;
use crate::host::log::{Log, LogStream, Stdio};
use crate::limits::Limiter;

/// Largest answer to one request for random bytes.
const RANDOM_BYTES_MAX: u64 = 1 << 20;

/// The headers of one request, as the host holds them: the guest may hold a request for every
/// handle.
const HEADERS_BYTES_MAX: usize = 16 << 10;

/// What the guest may know about its call.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    pub(crate) request_id: String,
    pub(crate) deadline: Instant,
    pub(crate) traceparent: Option<String>,
}

/// The data of one store.
pub(crate) struct State {
    pub(crate) facts: Facts,
    pub(crate) grants: Arc<Grants>,
    pub(crate) keyvalue: KeyValueAccess,
    pub(crate) limiter: Limiter,
    pub(crate) log: Log,
    pub(crate) table: ResourceTable,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    outgoing: Outgoing,
}

impl State {
    pub(crate) fn new(
        config: &SandboxConfig,
        plugin: &str,
        grants: Arc<Grants>,
        keyvalue: KeyValueAccess,
        facts: Facts,
    ) -> Self {
        let log = Log::new(config.log_bytes_max);
        let mut table = ResourceTable::new();
        table.set_max_capacity(config.handles_max);
        Self {
            keyvalue,
            limiter: Limiter::new(config.memory_bytes_rounded(), config.table_elements_max),
            table,
            wasi: wasi(&log),
            http: http(),
            outgoing: Outgoing::new(config, plugin, Arc::clone(&grants), facts.deadline),
            facts,
            grants,
            log,
        }
    }
}

/// A world without files, environment, arguments, input or sockets. Sockets are off by default;
/// saying so keeps it that way.
fn wasi(log: &Log) -> WasiCtx {
    WasiCtx::builder()
        .stdout(LogStream { log: log.clone(), stdio: Stdio::Out })
        .stderr(LogStream { log: log.clone(), stdio: Stdio::Err })
        .allow_tcp(false)
        .allow_udp(false)
        .allow_ip_name_lookup(false)
        .max_random_size(RANDOM_BYTES_MAX)
        .build()
}

fn http() -> WasiHttpCtx {
    let mut http = WasiHttpCtx::new();
    http.set_field_size_limit(HEADERS_BYTES_MAX);
    http
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { hooks: &mut self.outgoing, table: &mut self.table, ctx: &mut self.http }
    }
}
