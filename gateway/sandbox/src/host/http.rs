//! Outgoing HTTP: which requests the grants admit.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::http::uri::Scheme;
use hyper::{Method, Request, Response, Uri};
use tokio::sync::Semaphore;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use crate::config::SandboxConfig;
use crate::credentials::Credential;
use crate::grants::{Grants, HostGrant, normal_host};
use crate::host::address::is_public;
use crate::host::client;
use crate::resolver::Resolver;

/// Requests of one call in all.
const REQUESTS_MAX: usize = 256;
/// Requests of one call that are under way at once; further ones wait for their turn.
const REQUESTS_AT_ONCE_MAX: usize = 8;

/// Reports how the connection ended, after the response's head has come.
type Connection = Box<dyn Future<Output = Result<(), Error>> + Send>;
/// What a request comes to.
type Sent = Result<(Response<WasiBody>, Connection), Error>;

/// The outgoing requests of one call.
pub(crate) struct Outgoing {
    grants: Arc<Grants>,
    /// Those of this plugin.
    credentials: Vec<Credential>,
    limits: HttpLimits,
    resolver: Arc<dyn Resolver>,
    requests_left: usize,
    turns: Arc<Semaphore>,
}

/// How long and how large one request may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HttpLimits {
    pub(crate) body_bytes_max: usize,
    pub(crate) step_max: Duration,
    pub(crate) deadline: Instant,
}

impl HttpLimits {
    /// How long one step may take: what the guest asks for, within the limits.
    pub(crate) fn step(&self, asked: Option<Duration>) -> Duration {
        let left = self.deadline.saturating_duration_since(Instant::now());
        asked.unwrap_or(self.step_max).min(self.step_max).min(left)
    }
}

/// Where an admitted request goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Destination {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) tls: bool,
    pub(crate) allow_private: bool,
}

impl Outgoing {
    pub(crate) fn new(
        config: &SandboxConfig,
        plugin: &str,
        grants: Arc<Grants>,
        deadline: Instant,
    ) -> Self {
        let credentials = config.credentials.iter().filter(|credential| credential.is_of(plugin));
        let limits = HttpLimits {
            body_bytes_max: config.http_body_bytes_max,
            step_max: Duration::from_millis(config.http_ms_max),
            deadline,
        };
        let turns = Arc::new(Semaphore::new(REQUESTS_AT_ONCE_MAX));
        let credentials = credentials.cloned().collect();
        let resolver = Arc::clone(&config.resolver);
        Self { grants, credentials, limits, resolver, requests_left: REQUESTS_MAX, turns }
    }

    /// Where a request goes, if the grants admit it and the call has sent fewer than it may.
    fn admit(&mut self, request: &Request<WasiBody>) -> Result<Destination, Error> {
        let destination = admit(&self.grants.http.hosts, request.method(), request.uri())?;
        let left = self.requests_left.checked_sub(1);
        self.requests_left = left.ok_or(Error::ConnectionLimitReached)?;
        Ok(destination)
    }
}

impl WasiHttpHooks for Outgoing {
    /// A redirect is an answer like any other: the guest may follow it by another request,
    /// which is held to the same grants.
    fn send_request(
        &mut self,
        mut request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _processed: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Sent> + Send> {
        let admitted = self.admit(&request);
        if let Ok(destination) = &admitted {
            // The guest gave its request away: nothing leads back from here.
            let headers = request.headers_mut();
            self.credentials.iter().for_each(|credential| credential.add(destination, headers));
        }
        let (limits, turns) = (self.limits, Arc::clone(&self.turns));
        let resolver = Arc::clone(&self.resolver);
        let options = options.unwrap_or_default();
        Box::new(async move {
            let destination = admitted?;
            let wait_max = limits.step(options.connect_timeout);
            let turn = tokio::time::timeout(wait_max, turns.acquire_owned())
                .await
                .map_err(|_| Error::ConnectionLimitReached)?
                .expect("the semaphore of a call is never closed");
            let addresses = resolve(resolver.as_ref(), &destination, &limits).await?;
            let (response, connection) =
                client::send(request, &destination, &addresses, options, limits).await?;
            let connection: Connection = Box::new(async move {
                let _until_it_ends = turn;
                Box::into_pin(connection).await
            });
            Ok((response, connection))
        })
    }
}

/// Whether a grant names this host, port, method and scheme.
pub(crate) fn admit(hosts: &[HostGrant], method: &Method, uri: &Uri) -> Result<Destination, Error> {
    let authority = uri.authority().ok_or(Error::HttpRequestUriInvalid)?;
    if authority.as_str().contains('@') {
        return Err(Error::HttpRequestUriInvalid);
    }
    let tls = match uri.scheme() {
        Some(scheme) if *scheme == Scheme::HTTPS => true,
        Some(scheme) if *scheme == Scheme::HTTP => false,
        _ => return Err(Error::HttpProtocolError),
    };
    let host = normal_host(authority.host());
    let port = authority.port_u16().unwrap_or(if tls { 443 } else { 80 });
    let grant = hosts.iter().find(|grant| {
        grant.host == host
            && grant.port == port
            && (tls || grant.allow_plain)
            && grant.methods.iter().any(|granted| granted == method.as_str())
    });
    let Some(grant) = grant else {
        tracing::info!(host, port, %method, tls, "refused an outgoing request without a grant");
        return Err(Error::HttpRequestDenied);
    };
    Ok(Destination { host, port, tls, allow_private: grant.allow_private })
}

/// The addresses that may be connected to. The connection is made to one of these, so that a
/// second look-up cannot lead elsewhere.
async fn resolve(
    resolver: &dyn Resolver,
    destination: &Destination,
    limits: &HttpLimits,
) -> Result<Vec<SocketAddr>, Error> {
    let asked = resolver.resolve(&destination.host, destination.port);
    let found = tokio::time::timeout(limits.step(None), asked)
        .await
        .map_err(|_| Error::DnsTimeout)?
        .map_err(|error| Error::DnsError { rcode: Some(error.to_string()), info_code: None })?;
    allowed(found, destination)
}

/// Those of a host's addresses that its grant admits.
fn allowed(
    mut addresses: Vec<SocketAddr>,
    destination: &Destination,
) -> Result<Vec<SocketAddr>, Error> {
    if addresses.is_empty() {
        return Err(Error::DestinationNotFound);
    }
    if !destination.allow_private {
        addresses.retain(|address| is_public(address.ip()));
    }
    if addresses.is_empty() {
        tracing::warn!(
            host = destination.host,
            "refused a host that resolves to private addresses"
        );
        return Err(Error::DestinationIpProhibited);
    }
    Ok(addresses)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRANTS: &str = "[http]\nhosts = [\
        { host = \"api.example.com\", methods = [\"GET\"] },\
        { host = \"api.example.com\", port = 8443, methods = [\"POST\"] },\
        { host = \"127.0.0.1\", port = 8080, allow_private = true, allow_plain = true },\
        { host = \"::1\", port = 80, allow_private = true, allow_plain = true }]";

    fn admits(method: &str, uri: &str) -> bool {
        let grants = Grants::parse(GRANTS).unwrap();
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        admit(&grants.http.hosts, &method, &uri.parse().unwrap()).is_ok()
    }

    #[test]
    fn what_is_granted_is_admitted() {
        for (method, uri) in [
            ("GET", "https://api.example.com/v1?q=1"),
            ("GET", "https://api.example.com:443/"),
            ("GET", "https://API.Example.COM./"),
            ("POST", "https://api.example.com:8443/"),
            ("HEAD", "http://127.0.0.1:8080/"),
            ("GET", "http://[::1]/"),
        ] {
            assert!(admits(method, uri), "{method} {uri}");
        }
    }

    #[test]
    fn everything_else_is_refused() {
        for (method, uri) in [
            ("POST", "https://api.example.com/"),
            ("get", "https://api.example.com/"),
            ("GET", "http://api.example.com/"),
            ("GET", "http://api.example.com:443/"),
            ("GET", "https://api.example.com:8443/"),
            ("GET", "https://example.com/"),
            ("GET", "https://evil.api.example.com/"),
            ("GET", "https://api.example.com.evil.org/"),
            ("GET", "https://api.example.com@evil.org/"),
            ("GET", "https://evil.org@api.example.com/"),
            ("GET", "http://127.0.0.1/"),
            ("GET", "http://localhost:8080/"),
            ("GET", "http://2130706433:8080/"),
            ("GET", "http://127.1:8080/"),
            ("GET", "http://0177.0.0.1:8080/"),
            ("GET", "http://0x7f000001:8080/"),
            ("GET", "http://[::ffff:127.0.0.1]:8080/"),
            ("GET", "http://[0:0:0:0:0:0:0:1]/"),
            ("GET", "http://127.0.0.1:99999/"),
            ("GET", "http://169.254.169.254/latest/meta-data/"),
            ("GET", "ftp://api.example.com/"),
            ("GET", "/relative"),
        ] {
            assert!(!admits(method, uri), "{method} {uri}");
        }
    }

    #[test]
    fn nothing_is_admitted_by_default() {
        let uri = "https://example.com/".parse().unwrap();
        let refused = admit(&Grants::default().http.hosts, &Method::GET, &uri);
        assert!(matches!(refused, Err(Error::HttpRequestDenied)));
    }

    #[test]
    fn private_addresses_are_dropped_unless_named() {
        let private: SocketAddr = "10.0.0.1:443".parse().unwrap();
        let mapped: SocketAddr = "[::ffff:10.0.0.1]:443".parse().unwrap();
        let public: SocketAddr = "1.1.1.1:443".parse().unwrap();
        let mut destination =
            Destination { host: "a.b".into(), port: 443, tls: true, allow_private: false };
        let of = |addresses: &[SocketAddr], destination: &Destination| {
            allowed(addresses.to_vec(), destination)
        };
        assert_eq!(of(&[private, public, mapped], &destination).unwrap(), [public]);
        let refused = of(&[private, mapped], &destination);
        assert!(matches!(refused, Err(Error::DestinationIpProhibited)));
        assert!(matches!(of(&[], &destination), Err(Error::DestinationNotFound)));
        destination.allow_private = true;
        assert_eq!(of(&[private, mapped], &destination).unwrap(), [private, mapped]);
    }
}
