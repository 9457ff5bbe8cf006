//! A format without bytes, for tests that drive the pipeline itself.

use std::time::Duration;

use hyfunc::RequestError;
use hyfunc::config::RequestConfig;
use hyfunc::pipeline::{Answer, Request, Wire};

/// One question, the same each time.
pub struct Question {
    /// Milliseconds that its answer takes to be written.
    pub respond_ms: u64,
}

impl Wire for Question {
    type Form = ();
    type Reply = ();
    const RUNS: bool = true;

    fn accept(&self, _body: &[u8], _limits: &RequestConfig) -> Result<(Request, ()), RequestError> {
        Ok((Request { query: "x".into(), calls_max: 1, ..Request::default() }, ()))
    }

    fn waits((): &()) -> bool {
        true
    }

    async fn respond(&self, (): (), _answer: Answer) -> Result<(), RequestError> {
        tokio::time::sleep(Duration::from_millis(self.respond_ms)).await;
        Ok(())
    }
}
