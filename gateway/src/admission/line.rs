//! Who waits, by owner: owners take turns, and where the line is full, whoever has most in it
//! makes room.
//!
//! One owner's flood costs others neither their place nor more than a turn. Whoever has no key is
//! one owner together with all who have none.

use std::collections::VecDeque;

use tokio::sync::oneshot;

/// What a waiter is told.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Call {
    /// Its turn has come.
    Enter,
    /// Somebody who waits for less needs its place.
    GiveWay,
}

/// Somebody who waits.
struct Waiter {
    number: u64,
    tell: oneshot::Sender<Call>,
}

/// The waiters of one owner, the oldest first; never empty.
struct Queue {
    owner: Option<String>,
    waiters: VecDeque<Waiter>,
}

/// All who wait. The owner in front is the next to enter.
#[derive(Default)]
pub(super) struct Line {
    queues: VecDeque<Queue>,
    waiting: usize,
    numbers: u64,
}

/// A place in the line.
pub(super) struct Place {
    /// By which it is given up.
    pub number: u64,
    /// Who is told when the time has come.
    pub told: oneshot::Receiver<Call>,
}

impl Line {
    /// How many wait.
    pub fn waiting(&self) -> usize {
        self.waiting
    }

    /// A place behind the others of its owner. In a full line there is one where another owner has
    /// at least two more than this one: that owner's last one is told to give way.
    pub fn join(&mut self, owner: Option<&str>, waiting_max: usize) -> Option<Place> {
        if self.waiting >= waiting_max && !self.make_room(owner) {
            return None;
        }
        let (tell, told) = oneshot::channel();
        self.numbers += 1;
        let waiter = Waiter { number: self.numbers, tell };
        match self.queues.iter_mut().find(|queue| queue.owner.as_deref() == owner) {
            Some(queue) => queue.waiters.push_back(waiter),
            None => {
                let owner = owner.map(str::to_owned);
                self.queues.push_back(Queue { owner, waiters: VecDeque::from([waiter]) });
            }
        }
        self.waiting += 1;
        Some(Place { number: self.numbers, told })
    }

    /// Gives a place up; whether it was still there.
    pub fn leave(&mut self, number: u64) -> bool {
        for at in 0..self.queues.len() {
            let waiters = &mut self.queues[at].waiters;
            if let Some(found) = waiters.iter().position(|waiter| waiter.number == number) {
                waiters.remove(found);
                self.waiting -= 1;
                self.close(at);
                return true;
            }
        }
        false
    }

    /// Tells the oldest one of the owner whose turn it is to enter; whether anybody was there.
    pub fn call(&mut self) -> bool {
        while let Some(mut queue) = self.queues.pop_front() {
            let waiter = queue.waiters.pop_front();
            self.waiting -= usize::from(waiter.is_some());
            if !queue.waiters.is_empty() {
                self.queues.push_back(queue);
            }
            // One that has just given up is not told: the next one is.
            if waiter.is_some_and(|waiter| waiter.tell.send(Call::Enter).is_ok()) {
                return true;
            }
        }
        false
    }

    fn make_room(&mut self, owner: Option<&str>) -> bool {
        let longest = (0..self.queues.len()).max_by_key(|at| self.queues[*at].waiters.len());
        let Some(at) = longest else { return false };
        let own = self.queues.iter().find(|queue| queue.owner.as_deref() == owner);
        let own = own.map_or(0, |queue| queue.waiters.len());
        let queue = &mut self.queues[at];
        if queue.waiters.len() < own + 2 {
            return false;
        }
        if let Some(last) = queue.waiters.pop_back() {
            self.waiting -= 1;
            // Whoever has just left has made room by that.
            let _ = last.tell.send(Call::GiveWay);
        }
        self.close(at);
        true
    }

    /// Takes a queue out that nobody is in.
    fn close(&mut self, at: usize) {
        if self.queues[at].waiters.is_empty() {
            self.queues.remove(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Owners join in this order; gives their places, `None` where there was none.
    fn join(line: &mut Line, owners: &str, waiting_max: usize) -> Vec<Option<Place>> {
        let owner = |letter: char| letter.to_string();
        owners.chars().map(|letter| line.join(Some(&owner(letter)), waiting_max)).collect()
    }

    /// Who is told to enter, in order, as the letters of those who joined.
    fn entered(line: &mut Line, owners: &str, places: &mut [Option<Place>]) -> String {
        let mut order = String::new();
        while line.call() {
            for (letter, place) in owners.chars().zip(places.iter_mut()) {
                let told = place.as_mut().map(|place| place.told.try_recv());
                if told == Some(Ok(Call::Enter)) {
                    order.push(letter);
                    *place = None;
                }
            }
        }
        order
    }

    #[test]
    fn owners_take_turns_and_each_owners_requests_keep_their_order() {
        for (owners, order) in [
            ("", ""),
            ("a", "a"),
            ("aaa", "aaa"),
            ("aaab", "abaa"),
            ("aaabbc", "abcaba"),
            ("abababab", "abababab"),
        ] {
            let mut line = Line::default();
            let mut places = join(&mut line, owners, 100);
            assert_eq!(line.waiting(), owners.len());
            assert_eq!(entered(&mut line, owners, &mut places), order, "{owners}");
            assert_eq!(line.waiting(), 0);
        }
    }

    #[test]
    fn in_a_full_line_whoever_has_most_gives_way_to_whoever_has_less() {
        // Whether the last one gets a place, and who of the others loses theirs.
        for (owners, waiting_max, is_in, gives_way) in [
            ("a", 0, false, None),
            ("aa", 1, false, None),
            ("ab", 1, false, None),
            ("aab", 2, true, Some(1)),
            ("aaa", 2, false, None),
            ("aaabb", 4, true, Some(2)),
            ("aaabbb", 5, false, None),
            ("abc", 2, false, None),
            ("aabbc", 4, true, Some(3)),
        ] {
            let mut line = Line::default();
            let mut places = join(&mut line, owners, waiting_max);
            let last = places.last().unwrap();
            assert_eq!(last.is_some(), is_in, "{owners}");
            let told = places.iter_mut().position(|place| {
                let told = place.as_mut().map(|place| place.told.try_recv());
                told == Some(Ok(Call::GiveWay))
            });
            assert_eq!(told, gives_way, "{owners}");
            assert!(line.waiting() <= waiting_max, "{owners}");
        }
    }

    #[test]
    fn whoever_leaves_leaves_no_trace_and_is_not_called() {
        let mut line = Line::default();
        let mut places = join(&mut line, "ab", 2);
        let first = places.remove(0).unwrap();
        assert!(line.leave(first.number));
        assert!(!line.leave(first.number), "once is enough");
        assert_eq!(line.waiting(), 1);
        assert_eq!(entered(&mut line, "b", &mut places), "b");
        // One that hangs up in the moment in which it would be told.
        let gone = line.join(None, 1).unwrap();
        drop(gone.told);
        assert!(!line.call());
        assert_eq!((line.waiting(), line.queues.len()), (0, 0));
    }
}
