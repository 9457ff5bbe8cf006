//! Requests that one thread decodes side by side.

use std::sync::Arc;

use crate::api::{DecodeRequest, Decoded};
use crate::ask::{Reply, caught, send};
use crate::decode::{Decoder, Decoding};
use crate::error::CascadeError;
use crate::model::small::{List, Step};
use crate::progress::Progress;

/// Requests under way, oldest first.
pub(super) struct Live<'a> {
    decoder: Decoder<'a>,
    requests: Vec<Request<'a>>,
}

struct Request<'a> {
    decoding: Decoding<'a>,
    reply: Reply<Decoded>,
    failed: Option<CascadeError>,
}

impl<'a> Live<'a> {
    /// Nobody yet.
    pub fn new(decoder: Decoder<'a>) -> Self {
        Self { decoder, requests: Vec::new() }
    }

    /// Number of requests under way.
    pub fn len(&self) -> usize {
        self.requests.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }

    /// Adds a request, which takes part from the next step on.
    pub fn join(&mut self, request: DecodeRequest, progress: Progress, reply: Reply<Decoded>) {
        if reply.is_closed() {
            return;
        }
        match caught(|| Decoding::new(self.decoder, request, progress)) {
            Ok(decoding) => self.requests.push(Request { decoding, reply, failed: None }),
            Err(error) => send(reply, Err(error)),
        }
        self.settle();
    }

    /// Reads the next lists of as many requests as one forward takes, the oldest first; answers those
    /// that are done.
    pub fn step(&mut self) {
        self.leave();
        if self.requests.is_empty() {
            return;
        }
        // Even if choosing fails: reading the oldest alone then fails as well, and says so.
        let chosen = caught(|| Ok(self.choose())).unwrap_or_else(|_| vec![0]);
        if self.read(&chosen).is_err() {
            // One of them may be at fault: the others are not to suffer from it.
            for index in chosen {
                if let Err(error) = self.read(&[index]) {
                    self.requests[index].failed = Some(error);
                }
            }
        }
        self.settle();
    }

    /// Requests that take part in the next step, by index. One that does not fit lets younger ones
    /// pass, until it is the oldest.
    fn choose(&self) -> Vec<usize> {
        let mut room = self.decoder.config.batch_tokens_max;
        let mut chosen = Vec::new();
        for (index, request) in self.requests.iter().enumerate() {
            let lists = request.decoding.lists();
            let tokens: usize = lists.iter().map(|list| list.tokens.len()).sum();
            if index == 0 || tokens <= room {
                room = room.saturating_sub(tokens);
                chosen.push(index);
            }
        }
        chosen
    }

    /// Reads the next lists of some requests in one forward, and lets each go on with what is its own.
    ///
    /// # Errors
    /// The forward failed; nothing has changed then.
    fn read(&mut self, chosen: &[usize]) -> Result<(), CascadeError> {
        let (step, firsts) = caught(|| self.forward(chosen))?;
        for (index, first) in chosen.iter().zip(firsts) {
            let request = &mut self.requests[*index];
            request.failed = caught(|| request.decoding.take(&step, first)).err();
        }
        Ok(())
    }

    /// Gives what was read, and which of its lists is each request's first.
    fn forward(&self, chosen: &[usize]) -> Result<(Arc<Step>, Vec<usize>), CascadeError> {
        let mut lists: Vec<List<'_>> = Vec::new();
        let mut firsts = Vec::with_capacity(chosen.len());
        for index in chosen {
            firsts.push(lists.len());
            lists.extend(self.requests[*index].decoding.lists());
        }
        Ok((Arc::new(self.decoder.tiny.small.step(&lists)?), firsts))
    }

    /// Answers requests that are done.
    fn settle(&mut self) {
        for request in std::mem::take(&mut self.requests) {
            let Request { decoding, reply, failed } = request;
            match failed {
                Some(error) => send(reply, Err(error)),
                None if decoding.is_done() => send(reply, caught(|| decoding.finish())),
                None => self.requests.push(Request { decoding, reply, failed: None }),
            }
        }
    }

    /// Lets requests go whose clients have gone or whose deadlines have passed.
    fn leave(&mut self) {
        for request in std::mem::take(&mut self.requests) {
            if request.reply.is_closed() {
                continue;
            }
            match request.decoding.check() {
                Ok(()) => self.requests.push(request),
                Err(error) => send(request.reply, Err(error)),
            }
        }
    }
}
