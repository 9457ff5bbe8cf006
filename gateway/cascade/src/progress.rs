//! What of an answer can no longer change, for whoever wants it before the rest is decided.

use hyfunc_functions::Value;
use tokio::sync::watch;

use crate::api::{DecodedCall, Piece};

/// Calls so far, in the order of the answer. More may follow; none is taken back, and none is put
/// before another.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settled {
    /// All but the last are whole.
    pub calls: Vec<SettledCall>,
}

/// A call as far as it can no longer change.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SettledCall {
    /// Index into the request's candidates.
    pub candidate: usize,
    /// Values of the function's first parameters, in their order; `None` where one is left out.
    pub arguments: Vec<Option<Value>>,
    /// The filled template as far as these parameters go, in order.
    pub pieces: Vec<Piece>,
    /// Whether these are all of its parameters.
    pub is_whole: bool,
}

/// Tells of it. Whoever decides never waits for whoever listens, who finds the last state only: so
/// nothing piles up either.
#[derive(Debug, Default)]
pub struct Progress(Option<watch::Sender<Settled>>);

impl Progress {
    /// Told to nobody.
    pub fn silent() -> Self {
        Self(None)
    }

    /// Told to one listener, who hears of the end by the end of the channel.
    pub fn told() -> (Self, watch::Receiver<Settled>) {
        let (sender, receiver) = watch::channel(Settled::default());
        (Self(Some(sender)), receiver)
    }

    /// Whether anybody listens.
    pub fn is_heard(&self) -> bool {
        self.0.as_ref().is_some_and(|sender| !sender.is_closed())
    }

    /// Tells how far a call is, by its place in the answer: the one told of last, or the next.
    pub fn tell(&self, at: usize, call: impl FnOnce() -> SettledCall) {
        let Some(sender) = self.0.as_ref().filter(|sender| !sender.is_closed()) else { return };
        let call = call();
        sender.send_if_modified(|settled| match settled.calls.get_mut(at) {
            Some(known) if *known == call => false,
            Some(known) => {
                *known = call;
                true
            }
            None => {
                settled.calls.push(call);
                true
            }
        });
    }

    /// Tells of a call that is whole.
    pub fn tell_whole(&self, at: usize, call: &DecodedCall) {
        self.tell(at, || {
            let arguments = match &call.arguments {
                Value::Record(fields) => fields.clone(),
                _ => Vec::new(),
            };
            let pieces = call.pieces.clone();
            SettledCall { candidate: call.candidate, arguments, pieces, is_whole: true }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::PieceKind;

    fn call(candidate: usize, arguments: usize) -> SettledCall {
        let arguments = vec![Some(Value::Bool(true)); arguments];
        SettledCall { candidate, arguments, pieces: Vec::new(), is_whole: false }
    }

    #[test]
    fn nobody_listens_and_nothing_is_made() {
        Progress::silent().tell(0, || panic!("nobody listens"));
        let (progress, listener) = Progress::told();
        drop(listener);
        progress.tell(0, || panic!("nobody listens any more"));
    }

    #[test]
    fn a_listener_finds_the_last_state_and_hears_of_news_alone() {
        let (progress, mut listener) = Progress::told();
        assert!(!listener.has_changed().unwrap());
        progress.tell(0, || call(1, 0));
        progress.tell(0, || call(1, 1));
        progress.tell(1, || call(2, 0));
        assert!(listener.has_changed().unwrap());
        assert_eq!(listener.borrow_and_update().calls, [call(1, 1), call(2, 0)]);
        progress.tell(1, || call(2, 0));
        assert!(!listener.has_changed().unwrap(), "nothing new");
        drop(progress);
        assert!(listener.has_changed().is_err(), "the end");
    }

    #[test]
    fn a_whole_call_has_all_of_its_parameters() {
        let (progress, listener) = Progress::told();
        let arguments = Value::Record(vec![None, Some(Value::Null)]);
        let frame =
            Piece { kind: PieceKind::Injected, text: "</call>".into(), subject: String::new() };
        let decoded = DecodedCall { candidate: 3, arguments, score: 1.0, pieces: vec![frame] };
        progress.tell_whole(0, &decoded);
        let told = listener.borrow().calls[0].clone();
        assert_eq!((told.candidate, told.is_whole), (3, true));
        assert_eq!(told.arguments, [None, Some(Value::Null)]);
        assert_eq!(told.pieces, decoded.pieces);
    }
}
