//! Names of hosts become addresses: once a request, and only here.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;

/// What a look-up comes to.
pub type Resolved<'a> = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'a>>;

/// Looks names of hosts up. What it answers is not trusted: the sandbox drops the addresses that the
/// grants do not admit, and connects to one of the others without asking again.
pub trait Resolver: fmt::Debug + Send + Sync {
    /// The addresses of a host, which may be an address itself.
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> Resolved<'a>;
}

/// The system's own, as it is configured on the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemResolver;

impl Resolver for SystemResolver {
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> Resolved<'a> {
        Box::pin(async move { Ok(tokio::net::lookup_host((host, port)).await?.collect()) })
    }
}
