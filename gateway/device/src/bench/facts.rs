//! Which device it is: what it says itself, and what its driver's tool says of it.

use std::process::{Command, Stdio};

use hyfunc_kernels::{KernelError, Probe};
use hyfunc_measured::{Clocks, Facts};

/// NVIDIA's tool. It is asked and told nothing: clocks stay as they are found.
const TOOL: &str = "nvidia-smi";
/// What it is asked for, in order.
const QUERY: &str = "--query-gpu=driver_version,clocks.sm,clocks.mem,clocks.max.sm,clocks.max.mem";

/// Asks both. Where there is no such tool, the clocks stay unknown.
pub(super) fn of<M: Probe>(machine: &M) -> Result<Facts, KernelError> {
    let identity = machine.identity()?;
    let told = identity.uuid.and_then(|uuid| ask(TOOL, &uuid));
    let (driver, clocks) = told.as_deref().map(parse).unwrap_or_default();
    Ok(Facts { name: identity.name, driver, cuda: identity.cuda, clocks })
}

/// One line; none where the program is not there, or knows no such device.
fn ask(program: &str, uuid: &str) -> Option<String> {
    let asked = Command::new(program)
        .args([QUERY, "--format=csv,noheader,nounits", "--id", uuid])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output();
    let told = asked.ok().filter(|told| told.status.success())?;
    String::from_utf8_lossy(&told.stdout).lines().next().map(str::to_owned)
}

/// `580.95.05, 1980, 3201, 1980, 3201`; what is not known is written in brackets.
fn parse(line: &str) -> (Option<String>, Option<Clocks>) {
    let fields: Vec<&str> = line.split(',').map(str::trim).collect();
    let [driver, processors, memory, processors_max, memory_max] = fields.as_slice() else {
        return (None, None);
    };
    let is_version = driver.starts_with(|first: char| first.is_ascii_digit());
    let clocks = || {
        Some(Clocks {
            processors: processors.parse().ok()?,
            memory: memory.parse().ok()?,
            processors_max: processors_max.parse().ok()?,
            memory_max: memory_max.parse().ok()?,
        })
    };
    (is_version.then(|| (*driver).to_owned()), clocks())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_tool_says_is_read_and_what_it_does_not_is_not_made_up() {
        let clocks =
            Some(Clocks { processors: 1755, memory: 3201, processors_max: 1980, memory_max: 3201 });
        let driver = Some("580.95.05".to_owned());
        for (line, expected) in [
            ("580.95.05, 1755, 3201, 1980, 3201", (driver.clone(), clocks)),
            ("580.95.05,1755,3201,1980,3201 ", (driver.clone(), clocks)),
            ("580.95.05, [N/A], 3201, 1980, 3201", (driver.clone(), None)),
            ("580.95.05, -1, 3201, 1980, 3201", (driver, None)),
            ("[N/A], 1755, 3201, 1980, 3201", (None, clocks)),
            ("No devices were found", (None, None)),
            ("1, 2, 3, 4, 5, 6", (None, None)),
            ("", (None, None)),
        ] {
            assert_eq!(parse(line), expected, "{line:?}");
        }
    }

    #[test]
    fn a_tool_that_is_not_there_or_fails_says_nothing() {
        assert_eq!(ask("no-such-program-of-nvidia", "GPU-1"), None);
        assert_eq!(ask("false", "GPU-1"), None);
    }
}
