//! Who may work now, who waits, and who is told to come back.

mod line;

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::config::ServerConfig;
use crate::error::RequestError;
use crate::keys::Share;
use line::{Call, Line};

/// The door of the gateway: so many at work, so many waiting, nobody beyond.
#[derive(Clone)]
pub struct Admission {
    inner: Arc<Inner>,
}

struct Inner {
    room: Mutex<Room>,
    leaving: AtomicBool,
    draining: AtomicBool,
    drained: Notify,
    queue_max: AtomicUsize,
    retry_after_ms: AtomicU64,
}

/// Who is inside and who waits.
struct Room {
    working: usize,
    concurrent_max: usize,
    line: Line,
}

impl Room {
    /// Lets in whoever there is room for. Where fewer may work than do, that is nobody.
    fn fill(&mut self) {
        while self.working < self.concurrent_max && self.line.call() {
            self.working += 1;
        }
    }

    fn leave(&mut self) {
        self.working -= 1;
        self.fill();
    }
}

impl Inner {
    fn retry_after_ms(&self) -> u64 {
        self.retry_after_ms.load(Ordering::Relaxed)
    }

    fn queue_max(&self) -> usize {
        self.queue_max.load(Ordering::Relaxed)
    }

    /// Nothing under this lock can panic half-way; whoever finds it poisoned goes on.
    fn room(&self) -> MutexGuard<'_, Room> {
        self.room.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to work; giving it back is dropping it.
pub struct Permit {
    inner: Arc<Inner>,
    _share: Share,
}

impl Permit {
    /// The same, together with its key's own place.
    pub fn with(mut self, share: Share) -> Self {
        self._share = share;
        self
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.inner.room().leave();
    }
}

/// A wait, given up when it ends, however it ends.
struct Wait<'a> {
    inner: &'a Inner,
    place: line::Place,
    is_told: bool,
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        if self.is_told {
            return;
        }
        let mut room = self.inner.room();
        // Called and gone before it heard of it: the turn is somebody else's.
        if !room.line.leave(self.place.number) && self.place.told.try_recv() == Ok(Call::Enter) {
            room.leave();
        }
    }
}

impl Admission {
    /// A door with the server's limits.
    pub fn new(config: &ServerConfig) -> Self {
        let room =
            Room { working: 0, concurrent_max: config.concurrent_max, line: Line::default() };
        Self {
            inner: Arc::new(Inner {
                room: Mutex::new(room),
                leaving: AtomicBool::new(false),
                draining: AtomicBool::new(false),
                drained: Notify::new(),
                queue_max: AtomicUsize::new(config.queue_max),
                retry_after_ms: AtomicU64::new(config.retry_after_ms),
            }),
        }
    }

    /// Other limits from now on. Nobody who is inside is sent away: where fewer may work than do,
    /// newcomers wait until enough of them are done.
    pub fn set_limits(&self, config: &ServerConfig) {
        let inner = &self.inner;
        inner.queue_max.store(config.queue_max, Ordering::Relaxed);
        inner.retry_after_ms.store(config.retry_after_ms, Ordering::Relaxed);
        let mut room = inner.room();
        room.concurrent_max = config.concurrent_max;
        room.fill();
    }

    fn permit(&self) -> Permit {
        Permit { inner: Arc::clone(&self.inner), _share: None }
    }

    /// Waits for a permit; owners take turns. Dropping the future gives the place up.
    ///
    /// # Errors
    /// The queue is full, an owner with fewer in it needs the place, or the gateway is shutting
    /// down.
    pub async fn enter(&self, owner: Option<&str>) -> Result<Permit, RequestError> {
        let inner = &*self.inner;
        let retry_after_ms = inner.retry_after_ms();
        if inner.draining.load(Ordering::Relaxed) {
            return Err(RequestError::Draining { retry_after_ms });
        }
        let place = {
            let mut room = inner.room();
            if room.working < room.concurrent_max {
                room.working += 1;
                drop(room);
                return Ok(self.permit());
            }
            let waiting = room.line.waiting();
            let place = room.line.join(owner, inner.queue_max());
            place.ok_or(RequestError::Overloaded { waiting, retry_after_ms })?
        };
        let mut wait = Wait { inner, place, is_told: false };
        let called = (&mut wait.place.told).await;
        wait.is_told = true;
        match called.expect("whoever leaves the line is told") {
            Call::Enter => Ok(self.permit()),
            Call::GiveWay => {
                let waiting = inner.room().line.waiting();
                Err(RequestError::Overloaded { waiting, retry_after_ms })
            }
        }
    }

    /// What a newcomer would be told now: for a format that must answer before its work enters. One
    /// who has fewer in the queue than others may be let in all the same.
    pub fn refusal(&self) -> Option<RequestError> {
        let inner = &self.inner;
        let retry_after_ms = inner.retry_after_ms();
        if self.is_draining() {
            return Some(RequestError::Draining { retry_after_ms });
        }
        let room = inner.room();
        let waiting = room.line.waiting();
        let is_full = room.working >= room.concurrent_max && waiting >= inner.queue_max();
        is_full.then_some(RequestError::Overloaded { waiting, retry_after_ms })
    }

    /// Tells whoever asks to send nobody here any more; whoever comes is still let in.
    pub fn leave(&self) {
        self.inner.leaving.store(true, Ordering::Relaxed);
    }

    /// Whether nobody should be sent here any more.
    pub fn is_leaving(&self) -> bool {
        self.inner.leaving.load(Ordering::Relaxed)
    }

    /// Refuses newcomers from now on; those inside finish.
    pub fn drain(&self) {
        self.inner.draining.store(true, Ordering::Relaxed);
        self.inner.drained.notify_waiters();
    }

    /// Resolves when newcomers are refused: for connections that only wait for news.
    pub async fn drained(&self) {
        // Before the look, so that no call of `drain` falls between the two.
        let drained = self.inner.drained.notified();
        if !self.is_draining() {
            drained.await;
        }
    }

    /// Whether newcomers are refused.
    pub fn is_draining(&self) -> bool {
        self.inner.draining.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn door(concurrent_max: usize, queue_max: usize) -> Admission {
        Admission::new(&ServerConfig { concurrent_max, queue_max, ..ServerConfig::default() })
    }

    #[tokio::test]
    async fn one_works_one_waits_and_the_third_is_sent_away() {
        let door = door(1, 1);
        let first = door.enter(None).await.unwrap();
        let waiter = tokio::spawn({
            let door = door.clone();
            async move { door.enter(None).await.is_ok() }
        });
        while door.inner.room().line.waiting() == 0 {
            tokio::task::yield_now().await;
        }
        assert!(matches!(door.enter(None).await, Err(RequestError::Overloaded { waiting: 1, .. })));
        drop(first);
        assert!(waiter.await.unwrap());
        assert_eq!(door.inner.room().line.waiting(), 0);
    }

    #[tokio::test]
    async fn a_waiter_that_gives_up_leaves_no_trace() {
        let door = door(1, 1);
        let _first = door.enter(None).await.unwrap();
        let wait = tokio::time::timeout(std::time::Duration::from_millis(5), door.enter(None));
        assert!(wait.await.is_err());
        assert_eq!(door.inner.room().line.waiting(), 0);
    }

    #[tokio::test]
    async fn one_owners_flood_keeps_nobody_else_out() {
        let door = door(1, 4);
        let inside = door.enter(Some("loud")).await.unwrap();
        let wait = |owner: &'static str| {
            let door = door.clone();
            tokio::spawn(async move { door.enter(Some(owner)).await.map(drop) })
        };
        let flood: Vec<_> = (0..4).map(|_| wait("loud")).collect();
        while door.inner.room().line.waiting() < 4 {
            tokio::task::yield_now().await;
        }
        assert!(door.enter(Some("loud")).await.is_err(), "the queue is full");
        let quiet = wait("quiet");
        while !flood[3].is_finished() {
            tokio::task::yield_now().await;
        }
        assert!(!quiet.is_finished() && door.inner.room().line.waiting() == 4);
        drop(inside);
        quiet.await.unwrap().unwrap();
        let mut refused = 0;
        for one in flood {
            refused += usize::from(one.await.unwrap().is_err());
        }
        assert_eq!(refused, 1, "the last of the flood made room");
        assert_eq!(door.inner.room().working, 0);
    }

    #[tokio::test]
    async fn a_turn_that_comes_to_somebody_who_has_left_is_the_next_ones() {
        let door = door(1, 2);
        let inside = door.enter(None).await.unwrap();
        let mut first = Box::pin(door.enter(None));
        let mut second = Box::pin(door.enter(None));
        assert!(
            futures::poll!(&mut first).is_pending() && futures::poll!(&mut second).is_pending()
        );
        drop(inside);
        // Told, but not polled since.
        drop(first);
        assert!(second.await.is_ok());
        assert_eq!(door.inner.room().working, 0);
    }

    #[tokio::test]
    async fn a_look_tells_what_entering_would() {
        let door = door(1, 0);
        assert!(door.refusal().is_none(), "there is room");
        let inside = door.enter(None).await.unwrap();
        assert!(matches!(door.refusal(), Some(RequestError::Overloaded { waiting: 0, .. })));
        drop(inside);
        assert!(door.refusal().is_none(), "there is room again");
        door.drain();
        assert!(matches!(door.refusal(), Some(RequestError::Draining { .. })));
    }

    #[tokio::test]
    async fn whoever_waits_for_the_end_hears_of_it_whenever_they_ask() {
        let door = door(1, 1);
        let waits = tokio::spawn({
            let door = door.clone();
            async move { door.drained().await }
        });
        tokio::task::yield_now().await;
        assert!(!waits.is_finished(), "it is open");
        door.drain();
        waits.await.unwrap();
        door.drained().await;
    }

    #[tokio::test]
    async fn limits_change_without_sending_anybody_away() {
        let limits = |concurrent_max, queue_max| ServerConfig {
            concurrent_max,
            queue_max,
            ..ServerConfig::default()
        };
        let enter = |door: &Admission| {
            let door = door.clone();
            async move { door.enter(None).await }
        };
        let door = door(3, 0);
        let mut inside = Vec::new();
        for _ in 0..3 {
            inside.push(enter(&door).await.unwrap());
        }
        // Fewer: two of the three owe their places.
        door.set_limits(&limits(1, 0));
        inside.pop();
        inside.pop();
        assert!(enter(&door).await.is_err(), "one is still inside, and no more may be");
        inside.pop();
        let only = enter(&door).await.unwrap();
        assert!(enter(&door).await.is_err());
        // More, some of which were owed before.
        door.set_limits(&limits(0, 0));
        door.set_limits(&limits(2, 0));
        let second = enter(&door).await.unwrap();
        assert!(enter(&door).await.is_err());
        drop((only, second));
        assert_eq!(door.inner.room().working, 0);
    }

    #[tokio::test]
    async fn nobody_enters_while_draining() {
        let door = door(1, 1);
        door.drain();
        assert!(matches!(door.enter(None).await, Err(RequestError::Draining { .. })));
    }
}
