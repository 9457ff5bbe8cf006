//! The end of a stream that fails.
//!
//! Its events have their places from the start: a channel that a slow reader has left full takes
//! them all the same, so that a stream that was cut is never one that merely ends.

use axum::response::sse::Event;
use tokio::sync::mpsc::{OwnedPermit, Sender};

/// Events with which a stream ends that fails, at most.
pub const EVENTS: usize = 3;

/// Places for them.
pub struct Ending(Vec<OwnedPermit<Event>>);

impl Ending {
    /// Takes the places of a channel in which nothing waits yet.
    pub fn reserve(sender: &Sender<Event>) -> Self {
        Self((0..EVENTS).map_while(|_| sender.clone().try_reserve_owned().ok()).collect())
    }

    /// Sends the last events. Nothing waits: there is room for them, or nobody to read them.
    pub fn send(&mut self, events: impl IntoIterator<Item = Event>) {
        for (place, event) in self.0.drain(..).zip(events) {
            place.send(event);
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc::channel;

    use super::*;

    #[tokio::test]
    async fn the_last_events_find_room_in_a_full_channel_and_come_last() {
        let (sender, mut receiver) = channel(2 + EVENTS);
        let mut ending = Ending::reserve(&sender);
        let mut waiting = 0;
        while sender.try_send(Event::default()).is_ok() {
            waiting += 1;
        }
        assert_eq!(waiting, 2, "the others are kept");
        ending.send((0..EVENTS).map(|_| Event::default().data("last")));
        drop((sender, ending));
        let mut told = Vec::new();
        while let Some(event) = receiver.recv().await {
            told.push(format!("{event:?}").contains("last"));
        }
        assert_eq!(told, [false, false, true, true, true]);
    }

    #[test]
    fn more_events_than_places_and_an_end_that_was_told_do_no_harm() {
        let (sender, mut receiver) = channel(EVENTS);
        let mut ending = Ending::reserve(&sender);
        ending.send((0..2 * EVENTS).map(|_| Event::default()));
        ending.send([Event::default()]);
        let told = std::iter::from_fn(|| receiver.try_recv().ok()).count();
        assert_eq!(told, EVENTS);
    }

    #[test]
    fn a_stream_that_does_not_fail_gives_its_places_back() {
        let (sender, receiver) = channel::<Event>(EVENTS);
        let ending = Ending::reserve(&sender);
        assert_eq!(sender.capacity(), 0);
        drop(ending);
        assert_eq!(sender.capacity(), EVENTS);
        drop(receiver);
        Ending::reserve(&sender).send([Event::default()]);
    }
}
