//! A connection that does not wait for ever for a client to read.
//!
//! Where nobody reads, the system's buffers fill and writing waits. Whoever takes nothing for as
//! long as is allowed loses the connection, so that it holds neither a place among the connections
//! nor, in a stream, the work behind it.

use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// A socket whose writes may each wait only so long.
pub struct Patient<S> {
    stream: S,
    stall_max: Duration,
    /// Runs as long as a write waits.
    stall: Option<Pin<Box<Sleep>>>,
}

impl<S> Patient<S> {
    /// A socket with its patience.
    pub fn new(stream: S, stall_max: Duration) -> Self {
        Self { stream, stall_max, stall: None }
    }

    fn judge(
        &mut self,
        written: Poll<io::Result<usize>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.stall = None;
            return written;
        }
        let stall_max = self.stall_max;
        let stall = self.stall.get_or_insert_with(|| Box::pin(sleep(stall_max)));
        match stall.as_mut().poll(context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(()) => {
                let message = "the client reads nothing (server.write_stall_ms_max)";
                Poll::Ready(Err(io::Error::new(ErrorKind::TimedOut, message)))
            }
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.judge(written, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.judge(written, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    async fn pair(stall_ms: u64) -> (Patient<TcpStream>, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        (Patient::new(server, Duration::from_millis(stall_ms)), client)
    }

    #[tokio::test]
    async fn who_reads_nothing_is_left() {
        let (mut server, client) = pair(100).await;
        let block = vec![0; 1 << 20];
        let ended = loop {
            if let Err(error) = server.write_all(&block).await {
                break error;
            }
        };
        assert_eq!(ended.kind(), ErrorKind::TimedOut);
        drop(client);
    }

    /// Whether all of it reaches somebody who takes longer for the whole than they may for a part.
    async fn reaches(stall_ms: u64) -> bool {
        let (mut server, mut client) = pair(stall_ms).await;
        let bytes = 16 << 20;
        let reads = tokio::spawn(async move {
            let mut block = vec![0; 1 << 20];
            let mut read = 0;
            while read < bytes {
                sleep(Duration::from_millis(5)).await;
                read += client.read(&mut block).await.unwrap();
            }
        });
        if server.write_all(&vec![0; bytes]).await.is_err() {
            reads.abort();
            return false;
        }
        reads.await.unwrap();
        true
    }

    #[tokio::test]
    async fn who_reads_slowly_is_waited_for() {
        // On a machine that stands still, nobody may have read for the shorter times.
        for stall_ms in [50, 2_000, 60_000] {
            if reaches(stall_ms).await {
                return;
            }
        }
        panic!("whoever reads is left");
    }
}
