//! Sends one admitted request to one of the addresses that were checked.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::client::conn::http1;
use hyper::rt::{Read, Write};
use hyper::{Request, Response, Uri};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use wasmtime_wasi_http::io::TokioIo;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody};

use crate::host::http::{Destination, HttpLimits};

/// Reports how the connection ended, after the response's head has come.
type Connection = Box<dyn Future<Output = Result<(), Error>> + Send>;

/// Connects, sends, and waits for the response's head.
pub(crate) async fn send(
    request: Request<WasiBody>,
    destination: &Destination,
    addresses: &[SocketAddr],
    options: RequestOptions,
    limits: HttpLimits,
) -> Result<(Response<WasiBody>, Connection), Error> {
    let connect_max = limits.step(options.connect_timeout);
    let stream = timeout(connect_max, TcpStream::connect(addresses))
        .await
        .map_err(|_| Error::ConnectionTimeout)?
        .map_err(Error::Connect)?;
    if !destination.tls {
        return exchange(TokioIo::new(stream), request, options, limits).await;
    }
    let name = ServerName::try_from(destination.host.clone())?;
    let stream = timeout(connect_max, connector()?.connect(name, stream))
        .await
        .map_err(|_| Error::ConnectionTimeout)?
        .map_err(Error::Tls)?;
    exchange(TokioIo::new(stream), request, options, limits).await
}

/// One set-up of TLS for the process: reading the root certificates takes milliseconds.
fn connector() -> Result<TlsConnector, Error> {
    static CONFIG: OnceLock<Option<Arc<ClientConfig>>> = OnceLock::new();
    let config = CONFIG.get_or_init(|| {
        let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.into() };
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider);
        let builder = builder.with_safe_default_protocol_versions().ok()?;
        Some(Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
    });
    config.clone().map(TlsConnector::from).ok_or(Error::ConfigurationError)
}

async fn exchange(
    stream: impl Read + Write + Send + Unpin + 'static,
    request: Request<WasiBody>,
    options: RequestOptions,
    limits: HttpLimits,
) -> Result<(Response<WasiBody>, Connection), Error> {
    let (mut sender, connection) = http1::handshake(stream).await?;
    let mut connection = Box::pin(connection);
    let request = prepared(request, limits.body_bytes_max)?;
    let mut response = Box::pin(sender.send_request(request));
    let first_byte_max = limits.step(options.first_byte_timeout);
    let mut connected = true;
    let both = std::future::poll_fn(|context| {
        if let Poll::Ready(response) = response.as_mut().poll(context) {
            return Poll::Ready(response);
        }
        if connected && connection.as_mut().poll(context).is_ready() {
            connected = false;
            return response.as_mut().poll(context);
        }
        Poll::Pending
    });
    let response = timeout(first_byte_max, both).await.map_err(|_| Error::ConnectionReadTimeout)?;
    let pause_max = limits.step(options.between_bytes_timeout);
    let response = response?.map(|body| {
        let body = Received::new(body, pause_max);
        WasiBody::new(Bounded::new(body, limits.body_bytes_max, Error::HttpResponseBodySize))
    });
    let ended: Connection = Box::new(async move {
        if connected {
            connection.await?;
        }
        Ok(())
    });
    Ok((response, ended))
}

/// The request as it is written to an origin server: the path alone, and a bounded body.
fn prepared(
    request: Request<WasiBody>,
    body_bytes_max: usize,
) -> Result<Request<Bounded<WasiBody>>, Error> {
    let (mut parts, body) = request.into_parts();
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    parts.uri =
        Uri::builder().path_and_query(path).build().map_err(|_| Error::HttpRequestUriInvalid)?;
    Ok(Request::from_parts(parts, Bounded::new(body, body_bytes_max, Error::HttpRequestBodySize)))
}

/// A body that fails when it grows over its limit.
struct Bounded<B> {
    body: B,
    bytes_left: usize,
    bytes_max: usize,
    too_large: fn(Option<u64>) -> Error,
}

impl<B> Bounded<B> {
    fn new(body: B, bytes_max: usize, too_large: fn(Option<u64>) -> Error) -> Self {
        Self { body, bytes_left: bytes_max, bytes_max, too_large }
    }
}

impl<B: Body<Data = Bytes, Error = Error> + Unpin> Body for Bounded<B> {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        let Poll::Ready(Some(Ok(frame))) = &polled else { return polled };
        let bytes = frame.data_ref().map_or(0, Bytes::len);
        match self.bytes_left.checked_sub(bytes) {
            Some(left) => {
                self.bytes_left = left;
                polled
            }
            None => {
                let bytes_max = u64::try_from(self.bytes_max).ok();
                Poll::Ready(Some(Err((self.too_large)(bytes_max))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A response's body that fails when nothing comes for too long.
struct Received {
    body: Incoming,
    pause_max: Duration,
    pause: Pin<Box<Sleep>>,
}

impl Received {
    fn new(body: Incoming, pause_max: Duration) -> Self {
        Self { body, pause_max, pause: Box::pin(sleep(pause_max)) }
    }
}

impl Body for Received {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        match Pin::new(&mut self.body).poll_frame(context) {
            Poll::Ready(Some(frame)) => {
                let next = Instant::now() + self.pause_max;
                self.pause.as_mut().reset(next);
                Poll::Ready(Some(frame.map_err(Error::from)))
            }
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => match self.pause.as_mut().poll(context) {
                Poll::Ready(()) => Poll::Ready(Some(Err(Error::ConnectionReadTimeout))),
                Poll::Pending => Poll::Pending,
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant as Clock;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    const BODY_BYTES_MAX: usize = 100;
    /// Far longer than an answer that comes takes, on any machine.
    const PATIENCE: Duration = Duration::from_secs(60);

    /// A body of so many pieces of ten bytes.
    struct Pieces(usize);

    impl Body for Pieces {
        type Data = Bytes;
        type Error = Error;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _context: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
            let Some(left) = self.0.checked_sub(1) else { return Poll::Ready(None) };
            self.0 = left;
            Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"ten bytes.")))))
        }
    }

    /// How many bytes a body has, or why it did not come to its end.
    async fn length(
        mut body: impl Body<Data = Bytes, Error = Error> + Unpin,
    ) -> Result<usize, Error> {
        let mut bytes = 0;
        loop {
            let next = std::future::poll_fn(|context| Pin::new(&mut body).poll_frame(context));
            let Some(frame) = next.await else { return Ok(bytes) };
            bytes += frame?.data_ref().map_or(0, Bytes::len);
        }
    }

    #[tokio::test]
    async fn a_body_ends_at_its_limit() {
        for (pieces, expected) in [(0, Some(0)), (10, Some(100)), (11, None), (1_000, None)] {
            let body = Bounded::new(Pieces(pieces), BODY_BYTES_MAX, Error::HttpRequestBodySize);
            match length(body).await {
                Ok(bytes) => assert_eq!(Some(bytes), expected),
                Err(Error::HttpRequestBodySize(Some(100))) => assert_eq!(expected, None),
                Err(other) => panic!("{other}"),
            }
        }
    }

    /// What comes of a server that sends this and then is silent, for so long.
    async fn answered(answer: Vec<u8>, step_max: Duration) -> Result<usize, Error> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(&answer).await;
            // Until the client goes away.
            while stream.read(&mut request).await.is_ok_and(|bytes| bytes > 0) {}
        });
        let destination = Destination {
            host: "127.0.0.1".into(),
            port: address.port(),
            tls: false,
            allow_private: true,
        };
        let limits = HttpLimits {
            body_bytes_max: BODY_BYTES_MAX,
            step_max,
            deadline: Clock::now() + 2 * PATIENCE,
        };
        let request = Request::get("http://127.0.0.1/").body(WasiBody::new(Pieces(0))).unwrap();
        let options = RequestOptions::default();
        let (response, connection) =
            send(request, &destination, &[address], options, limits).await?;
        let connection = tokio::spawn(Box::into_pin(connection));
        let read = length(response.into_body()).await;
        connection.abort();
        read
    }

    #[tokio::test]
    async fn an_answer_is_bounded_in_size_and_time() {
        let head = |bytes: usize| format!("HTTP/1.1 200 OK\r\ncontent-length: {bytes}\r\n\r\n");
        let whole = [head(3).as_bytes(), b"yes"].concat();
        assert!(matches!(answered(whole, PATIENCE).await, Ok(3)));
        let large = [head(101).as_bytes(), &[b'x'; 101]].concat();
        let large = answered(large, PATIENCE).await;
        assert!(matches!(large, Err(Error::HttpResponseBodySize(Some(100)))));
        for silent in [[head(3).as_bytes(), b"y"].concat(), Vec::new()] {
            let silent = answered(silent, Duration::from_millis(200)).await;
            assert!(matches!(silent, Err(Error::ConnectionReadTimeout)));
        }
    }
}
