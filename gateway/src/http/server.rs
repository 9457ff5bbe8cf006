//! Listening, accepting, and stopping without losing anybody.

use std::future::Future;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::stall::Patient;
use super::tls::{Stream, Tls};
use crate::admission::Admission;
use crate::config::ServerConfig;
use crate::error::StartError;
use crate::open_files;

/// Wait after the system could not accept (too many open files, for one), in milliseconds.
const ACCEPT_RETRY_MS: u64 = 50;

/// Files that are open beside connections: those of plugins, of the chat model, of registries.
const FILES_SPARE: u64 = 256;

/// A bound socket.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    tls: Tls,
    config: ServerConfig,
}

impl Server {
    /// Binds the configured address.
    ///
    /// # Errors
    /// The port is in use, the address is not ours, or the certificate cannot be used.
    pub async fn bind(config: &ServerConfig) -> Result<Self, StartError> {
        let tls = Tls::open(config)?;
        let wanted = config.connections_max as u64 + FILES_SPARE;
        let allowed = open_files::allow(wanted);
        if allowed < wanted {
            tracing::warn!(
                allowed,
                "fewer files may be open than server.connections_max needs; raise the limit with \
                 `ulimit -n {wanted}`"
            );
        }
        let address: SocketAddr = config.address.parse().expect("the configuration was checked");
        let listener = TcpListener::bind(address).await.map_err(|source| match source.kind() {
            ErrorKind::AddrInUse => StartError::PortInUse { address },
            _ => StartError::Listen { address, source },
        })?;
        let address =
            listener.local_addr().map_err(|source| StartError::Listen { address, source })?;
        Ok(Self { listener, address, tls, config: config.clone() })
    }

    /// Where it listens; the port is the real one.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http` or `https`.
    pub fn scheme(&self) -> &'static str {
        self.tls.scheme()
    }

    /// Its certificate, to be read again while it serves.
    pub fn tls(&self) -> Tls {
        self.tls.clone()
    }

    /// Serves until `stop` resolves, then lets requests finish for `shutdown_ms_max`.
    /// Returns whether all of them did.
    pub async fn run(
        self,
        router: Router,
        admission: Admission,
        stop: impl Future<Output = ()>,
    ) -> bool {
        let places = Arc::new(Semaphore::new(self.config.connections_max));
        let graceful = GracefulShutdown::new();
        self.accept_until(stop, &router, &places, &graceful).await;
        // Whoever asks is told to send nobody here, and whoever comes all the same is served.
        admission.leave();
        let leaves = tokio::time::sleep(Duration::from_millis(self.config.leave_ms));
        self.accept_until(leaves, &router, &places, &graceful).await;
        // No new connection, no new request on an old one, and then patience.
        drop(self.listener);
        admission.drain();
        let limit = Duration::from_millis(self.config.shutdown_ms_max);
        tokio::time::timeout(limit, graceful.shutdown()).await.is_ok()
    }

    async fn accept_until(
        &self,
        until: impl Future<Output = ()>,
        router: &Router,
        places: &Arc<Semaphore>,
        graceful: &GracefulShutdown,
    ) {
        let mut until = std::pin::pin!(until);
        loop {
            let (stream, place) = tokio::select! {
                () = &mut until => return,
                accepted = accept(&self.listener, places) => accepted,
            };
            let (tls, router, watcher) = (self.tls.clone(), router.clone(), graceful.watcher());
            let head_read_ms_max = self.config.head_read_ms_max;
            let stall_max = Duration::from_millis(self.config.write_stall_ms_max);
            tokio::spawn(async move {
                let _place = place;
                // Small answers should not wait for more to send.
                let _ = stream.set_nodelay(true);
                // Below TLS, whose own buffers would take what nobody reads.
                let stream = Patient::new(stream, stall_max);
                let Some(stream) = tls.accept(stream).await else { return };
                let connection = watcher.watch(connect(stream, router, head_read_ms_max));
                // A broken connection is its client's business; the request's span has the rest.
                if let Err(error) = connection.await {
                    tracing::debug!(%error, "a connection broke");
                }
            });
        }
    }
}

type Connection = http1::Connection<TokioIo<Stream>, TowerToHyperService<Router>>;

fn connect(stream: Stream, router: Router, head_read_ms_max: u64) -> Connection {
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_millis(head_read_ms_max))
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
}

/// The next connection, once there is a place for it.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> (TcpStream, OwnedSemaphorePermit) {
    let place = Arc::clone(places).acquire_owned().await.expect("the semaphore is never closed");
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return (stream, place),
            Err(error) => {
                tracing::warn!(%error, "cannot accept; trying again");
                tokio::time::sleep(Duration::from_millis(ACCEPT_RETRY_MS)).await;
            }
        }
    }
}
