//! Open files: every connection is one, and many systems begin a process with fewer than they would
//! give it.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Allows this process so many open files, or as many as it may ask for. Gives how many it may have
/// open now.
pub fn allow(wanted: u64) -> u64 {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let Some(now) = current else { return u64::MAX };
    if now >= wanted {
        return now;
    }
    let most = maximum.map_or(wanted, |maximum| maximum.min(wanted));
    match setrlimit(Resource::Nofile, Rlimit { current: Some(most), maximum }) {
        Ok(()) => most,
        // What it has must do.
        Err(_) => now,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_allowed_is_never_taken_back_and_never_more_than_may_be_asked_for() {
        // Other tests of this process may raise it meanwhile; none of them lowers it.
        let soft = || getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        let before = soft();
        assert!(allow(1) >= before && soft() >= before, "one is less than there are");
        let hard = getrlimit(Resource::Nofile).maximum;
        let allowed = allow(hard.unwrap_or(u64::MAX));
        assert!(allowed >= before && allowed <= hard.unwrap_or(u64::MAX));
        assert!(soft() >= allowed, "it is so, not only said");
        assert_eq!(getrlimit(Resource::Nofile).maximum, hard);
    }
}
