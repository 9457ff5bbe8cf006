//! How many threads a tensor operation takes: one, or most cores for a stock checkpoint.
//!
//! Models as small as those trained here lose more to threads that wait for each other than they win;
//! what runs side by side are requests, on the engine's own threads, and a training step's shards. A
//! stock checkpoint is read from memory as a whole at every step, by as many cores as there are.
//! candle reads the number from the environment alone, which a process cannot safely change for
//! itself: so it is started anew, once, with the variable set.

use std::io;
use std::process::Command;

/// The variable that candle reads.
const THREADS: &str = "RAYON_NUM_THREADS";

/// The allocator would give the pages of large tensors back to the system and take them again; a
/// training step takes thousands.
const KEEP_PAGES: (&str, &str) = ("MIMALLOC_PURGE_DELAY", "-1");

/// What the process will mostly do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Requests, whose memory should stay small.
    Serve,
    /// Requests to a stock checkpoint.
    Stock,
    /// Training, whose memory may stay.
    Train,
}

/// Starts the process anew with the threads that a tensor operation takes for this work, unless the variable is set already:
/// then that many are taken. What runs in parallel beside tensors (compiling plugins) keeps every core.
///
/// # Errors
/// The process cannot be started anew.
pub fn settle(work: Work) -> io::Result<()> {
    if std::env::var_os(THREADS).is_none() {
        return again(work);
    }
    // It fails only when the pool was built before, and nothing has run yet.
    let _ = rayon::ThreadPoolBuilder::new().num_threads(cores()).build_global();
    Ok(())
}

/// Threads that a tensor operation takes in this process, as the variable says.
pub fn of_tensors() -> usize {
    let set = std::env::var(THREADS).ok().and_then(|threads| threads.parse().ok());
    set.filter(|threads| *threads > 0).unwrap_or_else(cores)
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Threads that wait for each other spin: where one of them has to share its core, all of them stand.
/// So one core is left to everything else; of two, each is worth more than what it would wait.
fn of_work(work: Work, cores: usize) -> usize {
    match (work, cores) {
        (Work::Serve | Work::Train, _) => 1,
        (Work::Stock, 0..=2) => cores.max(1),
        (Work::Stock, _) => cores - 1,
    }
}

fn again(work: Work) -> io::Result<()> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(std::env::args_os().skip(1)).env(THREADS, of_work(work, cores()).to_string());
    if work == Work::Train {
        command.env(KEEP_PAGES.0, KEEP_PAGES.1);
    }
    replace(command)
}

/// The same process id, the same terminal, another environment.
#[cfg(unix)]
fn replace(mut command: Command) -> io::Result<()> {
    Err(std::os::unix::process::CommandExt::exec(&mut command))
}

#[cfg(not(unix))]
fn replace(mut command: Command) -> io::Result<()> {
    let status = command.status()?;
    std::process::exit(status.code().unwrap_or(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_core_is_left_where_there_are_more_than_two() {
        for (cores, threads) in [(0, 1), (1, 1), (2, 2), (3, 2), (16, 15)] {
            assert_eq!(of_work(Work::Stock, cores), threads, "{cores}");
            assert_eq!(of_work(Work::Serve, cores), 1);
            assert_eq!(of_work(Work::Train, cores), 1);
        }
    }
}
