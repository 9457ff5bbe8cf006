//! How many threads a tensor operation takes: one.
//!
//! Models this small lose more to threads that wait for each other than they win; what runs side by
//! side are requests, on the engine's own threads, and a training step's shards. candle reads the
//! number from the environment alone, which a process cannot safely change for itself: so it is
//! started anew, once, with the variable set.

use std::io;
use std::process::Command;

/// The variable that candle reads.
const THREADS: &str = "RAYON_NUM_THREADS";

/// glibc would give the pages of every large tensor back to the system and take them again; a
/// training step takes thousands.
const KEEP_PAGES: [(&str, &str); 2] =
    [("MALLOC_MMAP_THRESHOLD_", "1073741824"), ("MALLOC_TRIM_THRESHOLD_", "4294967296")];

/// What the process will mostly do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Requests, whose memory should stay small.
    Serve,
    /// Training, whose memory may stay.
    Train,
}

/// Starts the process anew with one thread a tensor operation, unless the variable is set already:
/// then that many are taken. What runs in parallel beside tensors (compiling plugins) keeps every core.
///
/// # Errors
/// The process cannot be started anew.
pub fn settle(work: Work) -> io::Result<()> {
    if std::env::var_os(THREADS).is_none() {
        return again(work);
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    // It fails only when the pool was built before, and nothing has run yet.
    let _ = rayon::ThreadPoolBuilder::new().num_threads(cores).build_global();
    Ok(())
}

fn again(work: Work) -> io::Result<()> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(std::env::args_os().skip(1)).env(THREADS, "1");
    if work == Work::Train {
        command.envs(KEEP_PAGES);
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
