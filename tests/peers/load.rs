//! Puts a load on a server, and says in one line of JSON how long its answers took.
//!
//! ```text
//! load NAME AT_ONCE SECONDS BODY_FILE WANTED http ADDRESS PATH [HEADER: VALUE]…
//! load NAME AT_ONCE SECONDS BODY_FILE WANTED stdio COMMAND…
//! ```
//!
//! Closed loops: each of AT_ONCE requests is sent when the one before it was answered. Over HTTP each
//! has a connection of its own, which is kept; over standard input and output all of them share the
//! one pipe that MCP has there, told apart by their ids. An answer counts if it holds WANTED. `@ID@`
//! in the body becomes the request's id. The first part of the time is not counted.
//!
//! The standard library alone, so that `rustc -O load.rs` is all it takes.

use std::env;
use std::fmt::Display;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdin, Command, ExitCode, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

/// What `@ID@` stands for in a body.
const ID: &str = "@ID@";
/// Without an answer for so long, the server is given up.
const PATIENCE: Duration = Duration::from_secs(60);
/// This part of the time is spent before anything counts.
const WARM_UP_PART: u32 = 4;
/// The revision of MCP that sessions begin with.
const INITIALIZE: &str = concat!(
    r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18","#,
    r#""capabilities":{},"clientInfo":{"name":"load","version":"1"}}}"#
);
/// JSON-RPC's code for a message that is no JSON.
const PARSE_ERROR: &str = "-32700";
const INITIALIZED: &str = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;

/// What is asked, how often and for how long.
#[derive(Clone)]
struct Load {
    at_once: usize,
    body: String,
    wanted: String,
    /// From here on answers count.
    begin: Instant,
    end: Instant,
}

impl Load {
    fn body(&self, id: u64) -> String {
        self.body.replace(ID, &id.to_string())
    }
}

/// What came of it.
#[derive(Default)]
struct Done {
    latencies: Vec<Duration>,
    failed: usize,
    /// One of the answers that did not count.
    failure: Option<String>,
    last: Option<Instant>,
}

impl Done {
    fn note(&mut self, load: &Load, sent: Instant, answer: &str) {
        if !answer.contains(&load.wanted) {
            self.fail(answer);
        } else if sent >= load.begin {
            let now = Instant::now();
            self.latencies.push(now - sent);
            self.last = self.last.max(Some(now));
        }
    }

    fn fail(&mut self, answer: &str) {
        self.failed += 1;
        self.failure.get_or_insert_with(|| answer.chars().take(500).collect());
    }

    fn join(mut self, other: Self) -> Self {
        self.latencies.extend(other.latencies);
        self.failed += other.failed;
        self.failure = self.failure.or(other.failure);
        self.last = self.last.max(other.last);
        self
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match measured(&arguments) {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(reason) => {
            eprintln!("load: {reason}");
            ExitCode::FAILURE
        }
    }
}

fn measured(arguments: &[String]) -> Result<String, String> {
    let [name, at_once, seconds, file, wanted, kind, rest @ ..] = arguments else {
        return Err("NAME AT_ONCE SECONDS BODY_FILE WANTED http|stdio …".into());
    };
    let at_once: usize = at_once.parse().map_err(|_| format!("`{at_once}` is no number"))?;
    let seconds: f64 = seconds.parse().map_err(|_| format!("`{seconds}` is no number"))?;
    let whole = Duration::try_from_secs_f64(seconds).map_err(text)?;
    let body = fs::read_to_string(file).map_err(|error| format!("{file}: {error}"))?;
    let body = body.trim_end().to_owned();
    let (wanted, now) = (wanted.clone(), Instant::now());
    let load = Load { at_once, body, wanted, begin: now, end: now };
    let (done, load) = match kind.as_str() {
        "http" => over_http(load, whole, rest)?,
        "stdio" => over_stdio(load, whole, rest)?,
        _ => return Err(format!("`{kind}` is neither http nor stdio")),
    };
    summary(name, &load, done)
}

fn summary(name: &str, load: &Load, done: Done) -> Result<String, String> {
    let Done { mut latencies, failed, failure, last } = done;
    let (Some(last), false) = (last, latencies.is_empty()) else {
        return Err(format!("{name}: no answer counted; one was: {}", failure.unwrap_or_default()));
    };
    if let Some(failure) = failure {
        eprintln!("load: {name}: {failed} answers were wrong, one of them: {failure}");
    }
    latencies.sort_unstable();
    let at = |percent: usize| {
        let at = (latencies.len() * percent).div_ceil(100).max(1) - 1;
        latencies[at].as_secs_f64() * 1e6
    };
    let per_second = latencies.len() as f64 / (last - load.begin).as_secs_f64();
    Ok(format!(
        r#"{{"name":"{name}","at_once":{},"calls":{},"failed":{failed},"p50_us":{:.1},"p99_us":{:.1},"calls_per_second":{per_second:.1}}}"#,
        load.at_once,
        latencies.len(),
        at(50),
        at(99),
    ))
}

/// The time begins to count once everybody is ready.
fn begun(load: Load, whole: Duration) -> Load {
    let now = Instant::now();
    Load { begin: now + whole / WARM_UP_PART, end: now + whole, ..load }
}

fn over_http(load: Load, whole: Duration, rest: &[String]) -> Result<(Done, Load), String> {
    let [address, path, headers @ ..] = rest else {
        return Err("http ADDRESS PATH [HEADER: VALUE]…".into());
    };
    let mut head = format!("POST {path} HTTP/1.1\r\nhost: {address}\r\n");
    head.push_str("content-type: application/json\r\n");
    for header in headers {
        head.push_str(header);
        head.push_str("\r\n");
    }
    let connect = || {
        let stream = TcpStream::connect(address.as_str()).map_err(text)?;
        stream.set_nodelay(true).map_err(text)?;
        stream.set_read_timeout(Some(PATIENCE)).map_err(text)?;
        Ok::<_, String>(BufReader::new(stream))
    };
    let streams: Vec<_> = (0..load.at_once).map(|_| connect()).collect::<Result<_, _>>()?;
    let load = begun(load, whole);
    let clients: Vec<_> = streams
        .into_iter()
        .map(|stream| {
            let (load, head) = (load.clone(), head.clone());
            thread::spawn(move || http_client(stream, &load, &head))
        })
        .collect();
    let mut done = Done::default();
    for client in clients {
        done = done.join(client.join().map_err(|_| "a client panicked")??);
    }
    Ok((done, load))
}

fn http_client(mut stream: BufReader<TcpStream>, load: &Load, head: &str) -> Result<Done, String> {
    let mut done = Done::default();
    let mut id = 0;
    while Instant::now() < load.end {
        id += 1;
        let body = load.body(id);
        let request = format!("{head}content-length: {}\r\n\r\n{body}", body.len());
        let sent = Instant::now();
        stream.get_mut().write_all(request.as_bytes()).map_err(text)?;
        let (status, answer) = read_answer(&mut stream)?;
        if status == 200 {
            done.note(load, sent, &answer);
        } else {
            done.fail(&format!("{status}: {answer}"));
        }
    }
    Ok(done)
}

/// Status and body.
fn read_answer(stream: &mut BufReader<TcpStream>) -> Result<(u16, String), String> {
    let mut line = read_line(stream)?;
    let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.ok_or_else(|| format!("no status: {line}"))?;
    let (mut length, mut is_chunked) = (0, false);
    loop {
        line = read_line(stream)?;
        let Some((name, value)) = line.split_once(':') else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().map_err(text)?,
            "transfer-encoding" => is_chunked = value.contains("chunked"),
            _ => {}
        }
    }
    let mut body = Vec::new();
    if !is_chunked {
        read_bytes(stream, &mut body, length)?;
    }
    while is_chunked {
        let size = read_line(stream)?;
        let size = size.split(';').next().unwrap_or_default().trim();
        let size = usize::from_str_radix(size, 16).map_err(text)?;
        read_bytes(stream, &mut body, size)?;
        read_line(stream)?;
        is_chunked = size > 0;
    }
    Ok((status, String::from_utf8_lossy(&body).into_owned()))
}

fn read_line(stream: &mut BufReader<TcpStream>) -> Result<String, String> {
    let mut line = String::new();
    if stream.read_line(&mut line).map_err(text)? == 0 {
        return Err("the server ended the connection".into());
    }
    line.truncate(line.trim_end().len());
    Ok(line)
}

fn read_bytes(
    stream: &mut BufReader<TcpStream>,
    body: &mut Vec<u8>,
    bytes: usize,
) -> Result<(), String> {
    let start = body.len();
    body.resize(start + bytes, 0);
    stream.read_exact(&mut body[start..]).map_err(text)
}

/// A server that was started for this, and ends with it.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn over_stdio(load: Load, whole: Duration, rest: &[String]) -> Result<(Done, Load), String> {
    let [program, arguments @ ..] = rest else { return Err("stdio COMMAND…".into()) };
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().map_err(|error| format!("{program}: {error}"))?;
    let (Some(mut input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(format!("{program} has no standard input and output"));
    };
    let _server = Server(child);
    let (lines, answers) = channel();
    thread::spawn(move || forward(BufReader::new(output), &lines));
    send(&mut input, INITIALIZE)?;
    receive(&answers)?;
    send(&mut input, INITIALIZED)?;
    let load = begun(load, whole);
    let done = converse(&load, &mut input, &answers)?;
    Ok((done, load))
}

/// Hands on each answer.
fn forward(output: impl BufRead, lines: &Sender<String>) {
    for line in output.lines().map_while(Result::ok) {
        // What is not for us: notifications, and requests of the server's own.
        let is_answer = line.contains(r#""result""#) || line.contains(r#""error""#);
        if is_answer && lines.send(line).is_err() {
            return;
        }
    }
}

fn converse(
    load: &Load,
    input: &mut ChildStdin,
    answers: &Receiver<String>,
) -> Result<Done, String> {
    let mut done = Done::default();
    // When each request was sent, by its id less one.
    let mut sent = Vec::new();
    let mut ask = |sent: &mut Vec<Instant>| {
        let body = load.body(sent.len() as u64 + 1);
        sent.push(Instant::now());
        send(input, &body)
    };
    for _ in 0..load.at_once {
        ask(&mut sent)?;
    }
    let mut open = load.at_once;
    while open > 0 {
        let line = receive(answers)?;
        open -= 1;
        let at = id(&line).and_then(|id| id.checked_sub(1)).map(|at| sent.get(at));
        match at {
            Some(Some(&began)) => done.note(load, began, &line),
            // A server that loses a part of a line under load cannot say whose it was.
            None if line.contains(PARSE_ERROR) => done.fail(&line),
            _ => return Err(format!("nobody asked: {line}")),
        }
        if Instant::now() < load.end {
            ask(&mut sent)?;
            open += 1;
        }
    }
    Ok(done)
}

/// The first id of a message, which is its own: the results of both servers come after it.
fn id(line: &str) -> Option<usize> {
    let (_, rest) = line.split_once(r#""id":"#)?;
    let digits = rest.trim_start();
    let end = digits.find(|char: char| !char.is_ascii_digit()).unwrap_or(digits.len());
    digits[..end].parse().ok()
}

fn send(input: &mut ChildStdin, message: &str) -> Result<(), String> {
    input.write_all(format!("{message}\n").as_bytes()).map_err(text)
}

fn receive(answers: &Receiver<String>) -> Result<String, String> {
    answers.recv_timeout(PATIENCE).map_err(|error| match error {
        RecvTimeoutError::Timeout => format!("no answer for {} s", PATIENCE.as_secs()),
        RecvTimeoutError::Disconnected => "the server ended".to_owned(),
    })
}

fn text(error: impl Display) -> String {
    error.to_string()
}
