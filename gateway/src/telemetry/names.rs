//! The names, and nothing else.

/// Name of the instrumentation scope.
pub const SCOPE: &str = "hyfunc";

/// `gen_ai.operation.name`: `chat`, `retrieval` or `execute_tool`.
pub const OPERATION: &str = "gen_ai.operation.name";
/// `gen_ai.provider.name`
pub const PROVIDER: &str = "gen_ai.provider.name";
/// `gen_ai.request.model`
pub const REQUEST_MODEL: &str = "gen_ai.request.model";
/// `gen_ai.response.model`
pub const RESPONSE_MODEL: &str = "gen_ai.response.model";
/// `gen_ai.usage.input_tokens`
pub const INPUT_TOKENS: &str = "gen_ai.usage.input_tokens";
/// `gen_ai.usage.output_tokens`
pub const OUTPUT_TOKENS: &str = "gen_ai.usage.output_tokens";
/// `gen_ai.tool.name`
pub const TOOL_NAME: &str = "gen_ai.tool.name";
/// `gen_ai.tool.type`
pub const TOOL_TYPE: &str = "gen_ai.tool.type";
/// `gen_ai.tool.call.id`
pub const TOOL_CALL_ID: &str = "gen_ai.tool.call.id";
/// `gen_ai.tool.call.arguments`: content, written only when asked for.
pub const TOOL_ARGUMENTS: &str = "gen_ai.tool.call.arguments";
/// `gen_ai.tool.call.result`: content, written only when asked for.
pub const TOOL_RESULT: &str = "gen_ai.tool.call.result";
/// `gen_ai.input.messages`: content, written only when asked for.
pub const INPUT_MESSAGES: &str = "gen_ai.input.messages";
/// `gen_ai.data_source.id`
pub const DATA_SOURCE: &str = "gen_ai.data_source.id";
/// `gen_ai.retrieval.top_k`
pub const TOP_K: &str = "gen_ai.retrieval.top_k";
/// `error.type`
pub const ERROR_TYPE: &str = "error.type";
/// `http.request.method`
pub const HTTP_METHOD: &str = "http.request.method";
/// `http.route`
pub const HTTP_ROUTE: &str = "http.route";
/// `http.response.status_code`
pub const HTTP_STATUS: &str = "http.response.status_code";
/// `user.id`: for whom a request is, as its client says.
pub const USER: &str = "user.id";
/// `mcp.method.name`
pub const MCP_METHOD: &str = "mcp.method.name";
/// `mcp.protocol.version`
pub const MCP_VERSION: &str = "mcp.protocol.version";
/// `jsonrpc.request.id`
pub const JSONRPC_ID: &str = "jsonrpc.request.id";
/// `server.address`
pub const SERVER_ADDRESS: &str = "server.address";
/// `server.port`
pub const SERVER_PORT: &str = "server.port";
/// Name of the step.
pub const STEP: &str = "hyfunc.step";
/// The request's id, as in `x-request-id`.
pub const REQUEST_ID: &str = "hyfunc.request.id";
/// What the client's own names of a request, its `metadata`, stand behind: `hyfunc.metadata.KEY`.
pub const METADATA: &str = "hyfunc.metadata";
/// Name of the plugin.
pub const PLUGIN: &str = "hyfunc.plugin";
/// Event of a call's span: one line that the plugin wrote.
pub const LOG: &str = "hyfunc.plugin.log";
/// How much the line matters, as in `wasi:logging`.
pub const LOG_LEVEL: &str = "hyfunc.plugin.log.level";
/// What the line is about: `stdout`, `stderr`, or as the plugin named it.
pub const LOG_CONTEXT: &str = "hyfunc.plugin.log.context";
/// The line.
pub const LOG_MESSAGE: &str = "hyfunc.plugin.log.message";
/// Candidates found.
pub const CANDIDATES: &str = "hyfunc.candidates";
/// Calls decided.
pub const CALLS: &str = "hyfunc.calls";
/// Probability of any call.
pub const P_CALL: &str = "hyfunc.p_call";

/// The value of [`PROVIDER`].
pub const PROVIDER_HYFUNC: &str = "hyfunc";
/// The value of [`PROVIDER`] for a chat model elsewhere: that of the format in which it is asked.
pub const PROVIDER_UPSTREAM: &str = "openai";
/// The value of [`DATA_SOURCE`] for the functions of the plugins.
pub const LIBRARY: &str = "library";

/// Histogram, seconds: a request from its head to its last byte.
pub const INFERENCE_DURATION: &str = "gen_ai.client.inference.duration";
/// Counter, tokens read.
pub const INFERENCE_INPUT_TOKENS: &str = "gen_ai.client.inference.usage.input_tokens";
/// Counter, tokens written, injected ones included.
pub const INFERENCE_OUTPUT_TOKENS: &str = "gen_ai.client.inference.usage.output_tokens";
/// Histogram, seconds: one call of a function.
pub const TOOL_DURATION: &str = "gen_ai.execute_tool.duration";
/// Histogram, seconds: a streaming request from its head to its first piece of content.
pub const FIRST_TOKEN: &str = "gen_ai.server.time_to_first_token";
/// Histogram, seconds: one request of MCP, by [`MCP_METHOD`].
pub const MCP_DURATION: &str = "mcp.server.operation.duration";
/// Histogram, microseconds: one step of a request.
pub const STEP_DURATION: &str = "hyfunc.step.duration";
/// Histogram, microseconds: one call of a function; its buckets begin where sandboxes live.
pub const CALL_DURATION: &str = "hyfunc.call.duration";
/// Histogram, seconds: one change of the library, by [`CHANGE`].
pub const PUBLISH_DURATION: &str = "hyfunc.library.change.duration";
/// What changes the library: `publish`, `approve` or `remove`.
pub const CHANGE: &str = "hyfunc.library.change";
/// Histogram, seconds: one look at a registry that is followed, by [`FOLLOW_OUTCOME`].
pub const FOLLOW_DURATION: &str = "hyfunc.follow.duration";
/// What a look came to: `changed`, `unchanged`, or the kind of its failure.
pub const FOLLOW_OUTCOME: &str = "hyfunc.follow.outcome";
/// What is followed: registry, repository and tag or digest.
pub const FOLLOW_REFERENCE: &str = "hyfunc.follow.reference";
/// Counter: requests that got an error, by its code.
pub const REFUSED: &str = "hyfunc.requests.refused";

#[cfg(test)]
mod tests {
    use super::*;

    /// Dashboards and collectors outside this repository depend on these very strings.
    #[test]
    fn names_of_the_convention_are_pinned() {
        for (name, pinned) in [
            (OPERATION, "gen_ai.operation.name"),
            (PROVIDER, "gen_ai.provider.name"),
            (REQUEST_MODEL, "gen_ai.request.model"),
            (RESPONSE_MODEL, "gen_ai.response.model"),
            (INPUT_TOKENS, "gen_ai.usage.input_tokens"),
            (OUTPUT_TOKENS, "gen_ai.usage.output_tokens"),
            (TOOL_NAME, "gen_ai.tool.name"),
            (TOOL_TYPE, "gen_ai.tool.type"),
            (TOOL_CALL_ID, "gen_ai.tool.call.id"),
            (DATA_SOURCE, "gen_ai.data_source.id"),
            (TOP_K, "gen_ai.retrieval.top_k"),
            (ERROR_TYPE, "error.type"),
            (USER, "user.id"),
            (MCP_METHOD, "mcp.method.name"),
            (MCP_VERSION, "mcp.protocol.version"),
            (JSONRPC_ID, "jsonrpc.request.id"),
            (INFERENCE_DURATION, "gen_ai.client.inference.duration"),
            (INFERENCE_INPUT_TOKENS, "gen_ai.client.inference.usage.input_tokens"),
            (INFERENCE_OUTPUT_TOKENS, "gen_ai.client.inference.usage.output_tokens"),
            (TOOL_DURATION, "gen_ai.execute_tool.duration"),
            (FIRST_TOKEN, "gen_ai.server.time_to_first_token"),
            (MCP_DURATION, "mcp.server.operation.duration"),
        ] {
            assert_eq!(name, pinned);
        }
    }
}
