//! What every key means: shown by `hyfunc config`, checked against the structs by a test.

/// One key of the configuration.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// `section.key`.
    pub path: &'static str,
    /// What it sets, with its unit.
    pub doc: &'static str,
}

const fn key(path: &'static str, doc: &'static str) -> Key {
    Key { path, doc }
}

/// Every key, in the order in which people read them.
pub const KEYS: &[Key] = &[
    key("server.address", "where to listen; port 0 takes a free one"),
    key("server.allow_public", "listen beyond loopback without keys, behind a proxy that checks"),
    key("server.connections_max", "open connections; more wait in the system's backlog"),
    key("server.head_read_ms_max", "milliseconds for a client to send a request's head"),
    key("server.concurrent_max", "requests at work at once"),
    key(
        "server.queue_max",
        "requests that may wait for their turn, key by key; more get 429, first those of the key with \
         most",
    ),
    key("server.retry_after_ms", "milliseconds that an overloaded answer tells a client to wait"),
    key("server.shutdown_ms_max", "milliseconds for requests to finish after SIGTERM"),
    key("server.tls_certificate", "PEM file with the certificate and its chain; empty: plain HTTP"),
    key("server.tls_key", "PEM file with the certificate's private key"),
    key("server.write_stall_ms_max", "milliseconds that a client may read nothing of its answer"),
    key(
        "server.leave_ms",
        "milliseconds after SIGTERM in which requests are still taken although /readyz says 503, \
         for a balancer to notice",
    ),
    key(
        "server.cors_origins",
        "web pages of other sites that may ask, each an exact origin, as https://app.example; \
         empty: none",
    ),
    key("request.body_bytes_max", "bytes of a request's body; more get 413"),
    key("request.json_depth_max", "nesting of a request's JSON, at most 126"),
    key("request.deadline_ms", "milliseconds from a request's head to its last byte"),
    key("request.messages_max", "messages of a conversation"),
    key("request.query_bytes_max", "bytes of the message that is answered"),
    key("request.tools_max", "functions that a client may send along"),
    key(
        "request.tool_properties_max",
        "properties of one of these functions, parts of objects and tuples, required elements and \
         flags counted",
    ),
    key("request.properties_max", "properties of all of these functions together"),
    key("request.calls_max", "calls in one answer"),
    key("request.reply_bytes_max", "bytes of all rendered replies of one answer; the rest is cut"),
    key(
        "models.preset",
        "tiny: the models trained here; stock: the checkpoint of models.checkpoint",
    ),
    key("models.dir", "folder of models made by `hyfunc train tiny`; empty: the embedded ones"),
    key("models.checkpoint", "folder or .gguf file of a checkpoint, for the stock preset"),
    key(
        "models.weights",
        "what its weights are held in: q8_0, q4_k, or auto: quantized as a GGUF has them, else f32",
    ),
    key(
        "models.encoder",
        "folder of a sentence encoder that finds functions for it; empty: by words",
    ),
    key("models.spelling", "how the checkpoint writes calls: hermes, llama, bracket, or auto"),
    key(
        "models.earlier",
        "earlier turns of a conversation: read, ignore, fallback: read where the last turn alone \
         asks for nothing, or auto: read by a checkpoint alone",
    ),
    key("models.device", "what computes the checkpoint: cpu, or a GPU: cuda, or cuda:N from 0 on"),
    key(
        "models.cache_bytes_max",
        "bytes for keys and values of all requests to it, in a GPU's memory if one computes",
    ),
    key("models.prefix_bytes_max", "bytes of prompts kept for it, one a set of functions"),
    key(
        "models.threads",
        "engine threads; 0: one a core, at most 8; with the stock preset one, or 8 on a GPU",
    ),
    key("models.queue_jobs_max", "jobs that may wait for an engine thread; more get 503"),
    key("models.query_tokens_max", "tokens of a query"),
    key("models.value_tokens_max", "tokens of one generated value"),
    key(
        "models.batch_tokens_max",
        "tokens that one forward reads of several requests; one that needs more is read alone",
    ),
    key(
        "models.live_bytes_max",
        "bytes of keys and values of queries that the tiny models have under way; others wait",
    ),
    key("models.call_threshold", "probability from which a candidate is called; -1: as calibrated"),
    key(
        "models.blocks_bytes_max",
        "bytes of functions' blocks in memory; others are read again when they are asked for",
    ),
    key(
        "models.prepared_dir",
        "folder for what the models make of functions; auto: the user's cache; empty: none",
    ),
    key("models.prepared_bytes_max", "bytes of that folder; what was used least recently goes"),
    key("retrieval.candidates_max", "functions of the library that a request may choose from"),
    key("retrieval.threshold", "score below which no function fits; -1: as calibrated"),
    key("sandbox.deadline_ms_max", "milliseconds of one call, its wait for a slot included"),
    key("sandbox.memory_bytes_max", "bytes of one call's memory"),
    key("sandbox.table_elements_max", "elements of one table of a component"),
    key("sandbox.component_bytes_max", "bytes of a component's file"),
    key("sandbox.compile_ms_max", "milliseconds to compile a component"),
    key("sandbox.hostcall_bytes_max", "bytes that a call may hand to the host at once"),
    key("sandbox.handles_max", "streams, requests and timers that a call may hold at once"),
    key("sandbox.result_bytes_max", "bytes of one call's result"),
    key("sandbox.log_bytes_max", "bytes of one call's log lines; the rest is dropped"),
    key("sandbox.calls_per_plugin_max", "calls of one plugin at once"),
    key("sandbox.calls_waiting_max", "calls of one plugin that wait; one more is refused"),
    key("sandbox.instances_max", "calls of all plugins at once"),
    key("sandbox.stack_bytes_max", "bytes of one call's stack"),
    key("sandbox.keyvalue_bytes_max", "bytes that one plugin may keep for one tenant"),
    key("sandbox.http_body_bytes_max", "bytes of a body that a plugin sends or receives"),
    key("sandbox.http_ms_max", "milliseconds for a plugin's request to connect or to go on"),
    key("sandbox.keyvalue_dir", "folder for what plugins keep; empty: in memory, lost at the end"),
    key(
        "sandbox.aot_dir",
        "folder for compiled plugins, for the gateway alone; auto: the user's cache; empty: none",
    ),
    key(
        "sandbox.credentials",
        "headers that the host adds to requests of a plugin, which never sees them, each as \
         `weather https://api.example.com authorization FILE`; the file has the whole value",
    ),
    key("sandbox.async_components", "load components that use async functions or WASI 0.3"),
    key("plugins.bundled", "load the plugins that come with the gateway"),
    key("plugins.files", "components to load besides; NAME.grants.toml beside NAME.wasm grants"),
    key("telemetry.log", "filter of log lines, as `info,hyfunc=debug`"),
    key("telemetry.log_json", "log lines as JSON"),
    key("telemetry.otlp_endpoint", "base URL of an OTLP/HTTP collector; empty: nothing is sent"),
    key("telemetry.otlp_interval_ms", "milliseconds between two exports of metrics"),
    key("telemetry.service_name", "service.name of traces and metrics"),
    key("telemetry.sample_ratio", "share of traces that are sent, 0 to 1"),
    key("telemetry.capture_content", "write queries, arguments and results into spans"),
    key("recent.requests_max", "requests that GET /v1/recent remembers, at most 4096; 0: none"),
    key("recent.request_bytes_max", "bytes of one request's content that it remembers"),
    key(
        "recent.content",
        "remember queries, arguments and results: always, never, or auto: only on loopback",
    ),
    key("idempotency.keys_max", "keys of one owner whose answers are kept, at most 4096"),
    key("idempotency.answer_bytes_max", "bytes of one answer that is kept"),
    key("idempotency.bytes_max", "bytes of all answers of one owner that are kept"),
    key("idempotency.keep_ms_max", "milliseconds for which a key has its answer"),
    key("mcp.page_tools_max", "tools of one page of tools/list"),
    key(
        "mcp.sessions_max",
        "sessions at once, of clients that begin with `initialize`; one more gets 503",
    ),
    key("mcp.session_idle_ms_max", "milliseconds without a message after which a session ends"),
    key("keys.file", "keys made by `hyfunc key create`; empty: no keys, for loopback alone"),
    key(
        "keys.calls_per_minute",
        "calls a minute of a function, by all together, as weather_*=60; more get 429",
    ),
    key(
        "keys.calls_at_once",
        "calls of a function that run at once, by all together, as weather_*=4; more wait until \
         their deadline",
    ),
    key(
        "audit.to",
        "where to write who called what: a file of JSON lines, or log: among the log lines; \
         empty: nowhere",
    ),
    key("audit.arguments_bytes_max", "bytes of a call's arguments in the audit log; 0: none"),
    key("audit.redact", "fields of arguments that the audit log hides, as *password*"),
    key("library.dir", "folder in which published plugins are kept; empty: none can be published"),
    key("library.plugins_max", "plugins that may be published"),
    key("library.component_bytes_max", "bytes of a component that is published"),
    key("library.compile_ms_max", "milliseconds to compile a component that is published"),
    key("library.compile_memory_bytes_max", "bytes of memory to compile a component"),
    key("library.compiler", "program that compiles, as this one does; empty: this one"),
    key("admin.address", "where to listen for those who publish; empty: nowhere"),
    key("admin.allow_public", "listen for them beyond loopback"),
    key(
        "follow.references",
        "registries to keep the library equal to: components as NAME=ghcr.io/me/tides:stable, or \
         lists made by `hyfunc plugin index`; needs library.dir",
    ),
    key("follow.interval_ms", "milliseconds between two looks at each"),
    key("follow.look_ms_max", "milliseconds of one look, with all that it fetches"),
    key("follow.jitter", "share of that, 0 to 1, by which looks come sooner or later at random"),
    key("follow.backoff_ms_max", "milliseconds between two looks after many that failed"),
    key(
        "follow.verify",
        "what is not signed: require (refuse it), warn (take it), off (do not look)",
    ),
    key(
        "follow.policies",
        "the same for places alone, as localhost:5000=off or ghcr.io/me=warn; the longest counts",
    ),
    key("follow.keys", "public keys of who may have signed: FILE, or ghcr.io/me=FILE for a place"),
    key(
        "follow.trusted_root",
        "trusted_root.json of sigstore, for signatures without a key; empty: they do not count",
    ),
    key(
        "follow.identities",
        "who may have signed without a key, as `me@example.com https://accounts.google.com`; a * \
         at the end of the first stands for the rest; `ghcr.io/me=` before it: for that place alone",
    ),
    key("follow.authority", "PEM file of an authority whose registries are trusted besides"),
    key("follow.plain_http", "speak plain HTTP with registries beyond this machine"),
    key("follow.on_missing", "what a registry has no more: keep, or remove"),
    key("follow.allow_downgrade", "take earlier versions, too"),
    key(
        "upstream.url",
        "base URL of an OpenAI-compatible chat API that answers what no function does, as \
         http://127.0.0.1:11434/v1; empty: nobody does",
    ),
    key("upstream.model", "the model that it is asked for"),
    key("upstream.key_file", "file that holds the key for it; empty: none"),
    key("upstream.key_env", "environment variable that holds the key for it; empty: none"),
    key("upstream.phrase", "let it also turn results of functions into prose"),
    key("upstream.instructions", "what it is told before the conversation"),
    key("upstream.deadline_ms", "milliseconds of its whole answer, within request.deadline_ms"),
    key("upstream.first_byte_ms", "milliseconds until its answer begins"),
    key("upstream.reply_bytes_max", "bytes of its answer; the rest is cut"),
    key("upstream.concurrent_max", "answers of it at once; more are answered without it"),
];
