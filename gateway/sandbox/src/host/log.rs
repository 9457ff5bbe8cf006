//! What a guest writes: `wasi:logging`, standard output and standard error, bounded together.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use hyfunc_functions::plain;
use hyper::body::Bytes;
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

use crate::host::bindings::wasi::logging::logging::{Host, Level};
use crate::host::state::State;

/// What a line costs beside its text, so that empty lines are bounded, too.
const LINE_BYTES: usize = 16;
/// What a guest may write to a standard stream in one host call.
const WRITE_BYTES_MAX: usize = 64 << 10;

/// How much a line matters, as its author thinks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// The flow of control.
    Trace,
    /// For somebody who debugs.
    Debug,
    /// For somebody who watches. Standard output counts as this.
    Info,
    /// Something may be wrong. Standard error counts as this.
    Warn,
    /// Something is wrong.
    Error,
    /// Nothing works.
    Critical,
}

impl LogLevel {
    /// Its name in `wasi:logging`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
            Self::Critical => "critical",
        }
    }
}

/// One line that a guest wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// How much it matters.
    pub level: LogLevel,
    /// `stdout`, `stderr`, or the context that the guest named.
    pub context: String,
    /// The text, without its line break.
    pub message: String,
}

/// The two streams that every guest has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stdio {
    Out,
    Err,
}

/// The lines of one call.
#[derive(Debug)]
pub(crate) struct LogBuffer {
    lines: Vec<LogLine>,
    /// Of standard output and standard error: what came after the last line break.
    partial: [Vec<u8>; 2],
    bytes_max: usize,
    bytes_left: usize,
    truncated: bool,
}

impl LogBuffer {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self {
            lines: Vec::new(),
            partial: [Vec::new(), Vec::new()],
            bytes_max,
            bytes_left: bytes_max,
            truncated: false,
        }
    }

    fn push(&mut self, level: LogLevel, context: String, message: String) {
        if self.truncated {
            return;
        }
        let bytes = context.len() + message.len() + LINE_BYTES;
        if let Some(left) = self.bytes_left.checked_sub(bytes) {
            self.bytes_left = left;
            self.lines.push(LogLine { level, context, message });
        } else {
            self.truncate();
        }
    }

    /// Every line of a message by itself, so that none looks like a line of somebody else's.
    fn push_lines(&mut self, level: LogLevel, context: &str, message: &str) {
        for line in message.split('\n') {
            if self.truncated {
                return;
            }
            let line = line.strip_suffix('\r').unwrap_or(line);
            self.push(level, plain::line(context), plain::line(line));
        }
    }

    fn truncate(&mut self) {
        self.truncated = true;
        self.partial = [Vec::new(), Vec::new()];
        self.lines.push(LogLine {
            level: LogLevel::Warn,
            context: "hyfunc".to_owned(),
            message: format!("the rest was dropped: log_bytes_max = {}", self.bytes_max),
        });
    }

    fn write(&mut self, stdio: Stdio, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            if self.truncated {
                return;
            }
            let partial = &mut self.partial[stdio as usize];
            if partial.len() + piece.len() > self.bytes_left {
                self.truncate();
                return;
            }
            partial.extend_from_slice(piece);
            if piece.ends_with(b"\n") {
                self.end_line(stdio);
            }
        }
    }

    fn end_line(&mut self, stdio: Stdio) {
        let bytes = std::mem::take(&mut self.partial[stdio as usize]);
        let text = String::from_utf8_lossy(&bytes);
        let (level, context) = match stdio {
            Stdio::Out => (LogLevel::Info, "stdout"),
            Stdio::Err => (LogLevel::Warn, "stderr"),
        };
        self.push(level, context.to_owned(), plain::line(text.trim_end_matches(['\n', '\r'])));
    }

    /// All lines, unfinished ones included.
    pub(crate) fn lines(&mut self) -> &[LogLine] {
        for stdio in [Stdio::Out, Stdio::Err] {
            if !self.partial[stdio as usize].is_empty() {
                self.end_line(stdio);
            }
        }
        &self.lines
    }

    /// The same, leaving none.
    pub(crate) fn take(&mut self) -> Vec<LogLine> {
        self.lines();
        std::mem::take(&mut self.lines)
    }
}

/// A buffer that the store's streams share with the call.
#[derive(Clone, Debug)]
pub(crate) struct Log(Arc<Mutex<LogBuffer>>);

impl Log {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self(Arc::new(Mutex::new(LogBuffer::new(bytes_max))))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, LogBuffer> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Host for State {
    fn log(&mut self, level: Level, context: String, message: String) -> wasmtime::Result<()> {
        let level = match level {
            Level::Trace => LogLevel::Trace,
            Level::Debug => LogLevel::Debug,
            Level::Info => LogLevel::Info,
            Level::Warn => LogLevel::Warn,
            Level::Error => LogLevel::Error,
            Level::Critical => LogLevel::Critical,
        };
        self.log.lock().push_lines(level, &context, &message);
        Ok(())
    }
}

/// One of the guest's standard streams.
#[derive(Clone, Debug)]
pub(crate) struct LogStream {
    pub(crate) log: Log,
    pub(crate) stdio: Stdio,
}

impl IsTerminal for LogStream {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for LogStream {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl AsyncWrite for LogStream {
    fn poll_write(
        self: Pin<&mut Self>,
        _context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        self.log.lock().write(self.stdio, bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(
        self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for LogStream {
    async fn ready(&mut self) {}
}

impl OutputStream for LogStream {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.log.lock().write(self.stdio, &bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(WRITE_BYTES_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(buffer: &mut LogBuffer) -> Vec<String> {
        buffer
            .take()
            .into_iter()
            .map(|line| format!("{}: {}", line.context, line.message))
            .collect()
    }

    #[test]
    fn writes_become_lines() {
        let mut buffer = LogBuffer::new(1_000);
        buffer.write(Stdio::Out, b"one\ntw");
        buffer.write(Stdio::Err, b"oops\r\n");
        buffer.write(Stdio::Out, b"o\n\nthree");
        let expected = ["stdout: one", "stderr: oops", "stdout: two", "stdout: ", "stdout: three"];
        assert_eq!(messages(&mut buffer), expected);
    }

    #[test]
    fn the_rest_is_dropped_and_said_to_be() {
        for write in [&b"0123456789\n"[..], &b"0123456789"[..], &b"\n"[..]] {
            let mut buffer = LogBuffer::new(100);
            for _ in 0..1_000 {
                buffer.write(Stdio::Out, write);
            }
            let lines = messages(&mut buffer);
            assert!(lines.len() <= 8, "{lines:?}");
            assert_eq!(
                lines.last().map(String::as_str),
                Some("hyfunc: the rest was dropped: log_bytes_max = 100")
            );
        }
    }

    #[test]
    fn a_line_neither_forges_another_nor_acts_on_a_terminal() {
        let mut buffer = LogBuffer::new(1_000);
        buffer.push_lines(LogLevel::Info, "a\nb", "one\r\n\u{1b}[2Jtwo\rthree");
        buffer.write(Stdio::Err, b"\x1b]0;title\x07\n");
        let expected = [
            "a\u{fffd}b: one",
            "a\u{fffd}b: \u{fffd}[2Jtwo\u{fffd}three",
            "stderr: \u{fffd}]0;title\u{fffd}",
        ];
        assert_eq!(messages(&mut buffer), expected);
    }

    #[test]
    fn many_lines_in_one_message_are_bounded() {
        let mut buffer = LogBuffer::new(100);
        buffer.push_lines(LogLevel::Info, "", &"\n".repeat(1_000_000));
        assert!(messages(&mut buffer).len() <= 8);
    }

    #[test]
    fn text_that_is_not_utf8_is_kept_readable() {
        let mut buffer = LogBuffer::new(100);
        buffer.write(Stdio::Out, b"a\xffb\n");
        assert_eq!(messages(&mut buffer), ["stdout: a\u{fffd}b"]);
    }
}
