//! What a configuration must satisfy beyond its types.

use std::net::SocketAddr;

use super::{
    ALWAYS, AUTO, CALIBRATED, Config, ConfigError, NEVER, credentials, follow, function_limits,
    idempotency, library, models, origins, upstream,
};

/// Depth at which the JSON reader itself gives up.
const JSON_DEPTH_LIMIT: usize = 126;
/// Requests beyond which the list of the last ones would be too long for one answer.
const RECENT_LIMIT: usize = 4096;

/// Checks bounds and relations once, so that nobody has to later.
pub(super) fn check(config: &Config) -> Result<(), ConfigError> {
    let bad = |key: &'static str, reason: String| Err(ConfigError::Value { key, reason });

    let address: SocketAddr = match config.server.address.parse() {
        Ok(address) => address,
        Err(_) => {
            return bad(
                "server.address",
                format!(
                    "`{}` is not an address with a port; write it as 127.0.0.1:8080 or [::1]:8080",
                    config.server.address
                ),
            );
        }
    };
    if !address.ip().is_loopback() && config.is_local_only() {
        return Err(ConfigError::Public { address });
    }
    if config.server.tls_certificate.is_empty() != config.server.tls_key.is_empty() {
        return bad(
            "server.tls_key",
            "TLS takes both server.tls_certificate and server.tls_key; set the other one too"
                .into(),
        );
    }
    origins::check(&config.server.cors_origins)?;
    for (key, limits) in [
        ("keys.calls_per_minute", &config.keys.calls_per_minute),
        ("keys.calls_at_once", &config.keys.calls_at_once),
    ] {
        if let Err(error) = function_limits(limits) {
            return bad(key, error.to_string());
        }
    }
    for (key, value) in at_least_one(config) {
        if value == 0 {
            return bad(key, "must be at least 1".into());
        }
    }
    if config.server.write_stall_ms_max == 0 {
        return bad("server.write_stall_ms_max", "must be at least 1".into());
    }
    if config.request.json_depth_max > JSON_DEPTH_LIMIT {
        return bad("request.json_depth_max", format!("must be at most {JSON_DEPTH_LIMIT}"));
    }
    if config.request.query_bytes_max > config.request.body_bytes_max {
        return bad("request.query_bytes_max", "must not exceed request.body_bytes_max".into());
    }
    for (key, value) in [
        ("models.call_threshold", config.models.call_threshold),
        ("retrieval.threshold", config.retrieval.threshold),
    ] {
        if value != CALIBRATED && !(0.0..=1.0).contains(&value) {
            return bad(key, "must be between 0 and 1, or -1 for the calibrated one".into());
        }
    }
    if !(0.0..=1.0).contains(&config.telemetry.sample_ratio) {
        return bad("telemetry.sample_ratio", "must be between 0 and 1".into());
    }
    if config.recent.requests_max > RECENT_LIMIT {
        return bad("recent.requests_max", format!("must be at most {RECENT_LIMIT}"));
    }
    if ![AUTO, ALWAYS, NEVER].contains(&config.recent.content.as_str()) {
        return bad("recent.content", "must be auto, always or never".into());
    }
    library::check(config)?;
    idempotency::check(config)?;
    follow::check(config)?;
    credentials::check(&config.sandbox)?;
    models::check(&config.models)?;
    let endpoint = &config.telemetry.otlp_endpoint;
    if !endpoint.is_empty() && !endpoint.starts_with("http://") {
        return bad(
            "telemetry.otlp_endpoint",
            "must start with http://; for a collector behind TLS, run one on this host".into(),
        );
    }
    upstream::check(&config.upstream)
}

/// Limits that would refuse everything at zero; the sandbox checks its own.
fn at_least_one(config: &Config) -> [(&'static str, u64); 24] {
    let Config { server, request, models, retrieval, sandbox, telemetry, mcp, .. } = config;
    [
        ("server.connections_max", server.connections_max as u64),
        ("server.head_read_ms_max", server.head_read_ms_max),
        ("server.concurrent_max", server.concurrent_max as u64),
        ("server.retry_after_ms", server.retry_after_ms),
        ("request.body_bytes_max", request.body_bytes_max as u64),
        ("request.json_depth_max", request.json_depth_max as u64),
        ("request.deadline_ms", request.deadline_ms),
        ("request.messages_max", request.messages_max as u64),
        ("request.query_bytes_max", request.query_bytes_max as u64),
        ("request.calls_max", request.calls_max as u64),
        ("request.reply_bytes_max", request.reply_bytes_max as u64),
        ("models.queue_jobs_max", models.queue_jobs_max as u64),
        ("models.query_tokens_max", models.query_tokens_max as u64),
        ("models.value_tokens_max", models.value_tokens_max as u64),
        ("models.batch_tokens_max", models.batch_tokens_max as u64),
        ("retrieval.candidates_max", retrieval.candidates_max as u64),
        ("sandbox.component_bytes_max", sandbox.component_bytes_max as u64),
        ("sandbox.compile_ms_max", sandbox.compile_ms_max),
        ("sandbox.result_bytes_max", sandbox.result_bytes_max as u64),
        ("sandbox.http_ms_max", sandbox.http_ms_max),
        ("telemetry.otlp_interval_ms", telemetry.otlp_interval_ms),
        ("mcp.page_tools_max", mcp.page_tools_max as u64),
        ("mcp.sessions_max", mcp.sessions_max as u64),
        ("mcp.session_idle_ms_max", mcp.session_idle_ms_max),
    ]
}
