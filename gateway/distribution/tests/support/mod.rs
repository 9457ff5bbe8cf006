//! A registry in memory on a free port of this machine, whose answers a test may twist.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use hyfunc_distribution::{Access, Digest, Reference, Registry};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Seen {
    pub method: String,
    /// With its query.
    pub path: String,
    pub authorization: Option<String>,
    pub body: Vec<u8>,
}

/// What to send back.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
    /// Ends the connection after so many bytes of the body.
    pub cut: Option<usize>,
    /// Sends nothing, and keeps the connection.
    pub is_silent: bool,
}

impl Answer {
    pub fn new(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }
}

/// Answers instead of the registry, or leaves a request to it.
type Twist = dyn Fn(&Seen) -> Option<Answer> + Send + Sync;

/// The registry.
pub struct Fake {
    pub address: SocketAddr,
    state: Arc<State>,
}

struct State {
    twist: Box<Twist>,
    blobs: Mutex<HashMap<String, Vec<u8>>>,
    manifests: Mutex<HashMap<String, Vec<u8>>>,
    seen: Mutex<Vec<Seen>>,
}

impl Fake {
    /// One that does all it should, but for the twist.
    pub async fn start(twist: impl Fn(&Seen) -> Option<Answer> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            twist: Box::new(twist),
            blobs: Mutex::default(),
            manifests: Mutex::default(),
            seen: Mutex::default(),
        });
        let served = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let state = Arc::clone(&served);
                tokio::spawn(async move { state.serve(stream).await });
            }
        });
        Self { address, state }
    }

    /// A reference in this registry.
    pub fn reference(&self, rest: &str) -> Reference {
        format!("{}/{rest}", self.address).parse().unwrap()
    }

    /// A connection for a reference.
    pub fn open(&self, rest: &str) -> (Registry, Reference) {
        let reference = self.reference(rest);
        (Registry::new(&reference, Access::default()).unwrap(), reference)
    }

    /// Every request so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.state.seen.lock().unwrap().clone()
    }

    /// Gives a tag the manifest of another.
    pub fn copy(&self, from: &str, to: &str) {
        let mut manifests = self.state.manifests.lock().unwrap();
        let manifest = manifests[from].clone();
        manifests.insert(to.to_owned(), manifest);
    }
}

impl State {
    /// One request a connection.
    async fn serve(&self, mut stream: TcpStream) {
        let mut bytes = Vec::new();
        let head_end = loop {
            if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
                return;
            }
        };
        let head = String::from_utf8(bytes[..head_end].to_vec()).unwrap();
        let header = |wanted: &str| {
            head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case(wanted).then(|| value.trim().to_owned())
            })
        };
        let length: usize = header("content-length").map_or(0, |text| text.parse().unwrap());
        let mut body = bytes[head_end..].to_vec();
        while body.len() < length && stream.read_buf(&mut body).await.unwrap_or(0) > 0 {}
        let mut words = head.split(' ');
        let method = words.next().unwrap().to_owned();
        let path = words.next().unwrap().to_owned();
        let seen = Seen { method, path, authorization: header("authorization"), body };
        self.seen.lock().unwrap().push(seen.clone());
        let answer = (self.twist)(&seen).unwrap_or_else(|| self.answer(&seen));
        if answer.is_silent {
            std::future::pending::<()>().await;
        }
        let mut text = format!("HTTP/1.1 {} x\r\nconnection: close\r\n", answer.status);
        text.push_str(&format!("content-length: {}\r\n", answer.body.len()));
        for (name, value) in &answer.headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str("\r\n");
        let end = answer.cut.unwrap_or(answer.body.len());
        let is_head = seen.method == "HEAD";
        let body = if is_head { &b""[..] } else { &answer.body[..end] };
        let _ = stream.write_all(text.as_bytes()).await;
        let _ = stream.write_all(body).await;
        let _ = stream.shutdown().await;
    }

    fn answer(&self, seen: &Seen) -> Answer {
        let (path, query) = seen.path.split_once('?').unwrap_or((seen.path.as_str(), ""));
        let last = path.rsplit('/').next().unwrap_or_default();
        let found = |kind: &Mutex<HashMap<String, Vec<u8>>>| {
            let found = kind.lock().unwrap().get(last).cloned();
            found.map_or(Answer::new(404), |body| Answer::new(200).body(body))
        };
        match seen.method.as_str() {
            "POST" => Answer::new(202).header("location", format!("{path}1?state=x")),
            "PUT" if path.contains("/uploads/") => {
                let digest = Digest::of(&seen.body).to_string();
                assert_eq!(query, format!("state=x&digest={}", digest.replace(':', "%3A")));
                self.blobs.lock().unwrap().insert(digest, seen.body.clone());
                Answer::new(201)
            }
            "PUT" => {
                let mut manifests = self.manifests.lock().unwrap();
                manifests.insert(Digest::of(&seen.body).to_string(), seen.body.clone());
                manifests.insert(last.to_owned(), seen.body.clone());
                Answer::new(201)
            }
            _ if path.contains("/manifests/") => {
                let answer = found(&self.manifests);
                let digest = Digest::of(&answer.body).to_string();
                answer.header("docker-content-digest", digest)
            }
            _ => found(&self.blobs),
        }
    }
}
