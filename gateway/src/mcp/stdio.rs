//! One client over standard input and output, as desktop assistants start servers.

use std::pin::pin;

use futures::future::BoxFuture;
use rmcp::service::ServerInitializeError;
use rmcp::transport::async_rw::AsyncRwTransport;
use rmcp::transport::{TransportAdapterIdentity, stdio_pipes};

use super::Server;

/// Why serving ended badly.
#[derive(Debug, thiserror::Error)]
pub enum StdioError {
    /// What came first was no request.
    #[error(
        "no MCP session began: {0}; this command is started by an MCP client and speaks JSON-RPC \
         on standard input and output, one message a line"
    )]
    Handshake(Box<ServerInitializeError>),
    /// The task that serves panicked.
    #[error("the MCP server panicked; the log above says where")]
    Panicked,
}

/// Serves until the client closes standard input or `stop` resolves. Calls at work get a few
/// seconds to finish. Nothing but messages is written to standard output.
///
/// Boxed, so that the depth of rmcp's futures stays in this crate.
///
/// # Errors
/// A client that does not speak the protocol, or a panic.
pub fn serve(
    server: Server,
    line_bytes_max: usize,
    stop: BoxFuture<'static, ()>,
) -> BoxFuture<'static, Result<(), StdioError>> {
    Box::pin(session(server, line_bytes_max, stop))
}

async fn session(
    server: Server,
    line_bytes_max: usize,
    stop: BoxFuture<'static, ()>,
) -> Result<(), StdioError> {
    let (input, output) = stdio_pipes();
    let transport =
        AsyncRwTransport::new_server(input, output).with_max_line_length(line_bytes_max);
    let begin = rmcp::serve_server::<_, _, _, TransportAdapterIdentity>(server, transport);
    let mut stop = pin!(stop);
    let running = tokio::select! {
        running = begin => running,
        () = &mut stop => return Ok(()),
    };
    let running = match running {
        Ok(running) => running,
        // It closed before it asked anything: that is how clients look whether a server starts.
        Err(ServerInitializeError::ConnectionClosed(_)) => return Ok(()),
        Err(error) => return Err(StdioError::Handshake(Box::new(error))),
    };
    let ending = running.cancellation_token();
    let mut ended = pin!(running.waiting());
    let ended = tokio::select! {
        ended = &mut ended => ended,
        () = &mut stop => {
            ending.cancel();
            ended.await
        }
    };
    ended.map(drop).map_err(|_| StdioError::Panicked)
}
