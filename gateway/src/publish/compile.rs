//! Compiling in a process of its own: this program again, with other arguments and few rights.
//!
//! Time and memory are bounded, the environment is empty, and what comes back is an exit status
//! and a line of text. The machine code is left in the cache that the sandbox loads from.

use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use hyfunc_sandbox::Sandbox;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;
use tokio::sync::Semaphore;

use crate::config::LibraryConfig;

/// The command that the other process is started with; nobody types it.
pub const COMMAND: &str = "compile-component";

/// Exit status of a component that was refused, with the reason on standard output.
pub const REFUSED: u8 = 3;

/// Exit status where the machine is at fault and not the component, with the reason on standard
/// output.
pub const FAILED: u8 = 4;

/// The same where there is no room left for the compiled component.
pub const FULL: u8 = 5;

/// Components that compile at once; others wait.
const COMPILES_MAX: usize = 2;

/// Of what the other process says before it falls over, how much is looked at.
const SAID_CHARS_MAX: usize = 300;

/// Signals by which the system ends a process that took too much time: SIGKILL and SIGXCPU.
const SIGNALS_OF_TIME: [i32; 2] = [9, 24];

/// Why there is no compiled component.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// The component is at fault.
    #[error("{message}")]
    Refused {
        /// What the compiler said.
        message: String,
    },
    /// It took too long.
    #[error(
        "the component was not compiled within library.compile_ms_max = {ms_max} ms; make it \
         smaller or raise the limit"
    )]
    Time {
        /// The limit.
        ms_max: u64,
    },
    /// It took too much memory.
    #[error(
        "compiling the component takes more memory than library.compile_memory_bytes_max = \
         {bytes_max}; make it smaller or raise the limit"
    )]
    Memory {
        /// The limit.
        bytes_max: usize,
    },
    /// The machine is at fault.
    #[error("{message}; check sandbox.aot_dir and what this process may do")]
    Failed {
        /// What the compiler said.
        message: String,
    },
    /// There is no room for what was compiled.
    #[error(
        "{message}; free some room and publish again: nothing was changed, and what served before \
         still serves"
    )]
    Full {
        /// What the compiler said.
        message: String,
    },
    /// The compiler fell over.
    #[error("the component brought the compiler down ({how}); please report the component")]
    Crashed {
        /// Status and last words.
        how: String,
    },
    /// The process cannot be started.
    #[error("cannot start {program} to compile: {source}; check library.compiler", program = .program.display())]
    Start {
        /// What was started.
        program: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// Starts processes that compile.
pub(super) struct Compiler {
    program: PathBuf,
    arguments: Vec<String>,
    ms_max: u64,
    memory_bytes_max: usize,
    places: Semaphore,
}

impl Compiler {
    /// For a sandbox that keeps compiled components.
    pub(super) fn new(config: &LibraryConfig, sandbox: &Sandbox) -> Self {
        let limits = sandbox.config();
        let aot_dir = limits.aot_dir.clone().unwrap_or_default();
        let set = |name: &str, value: String| [format!("--{name}"), value];
        let arguments = [
            set("aot-dir", aot_dir.display().to_string()),
            set("allocation", sandbox.allocation().name().to_owned()),
            set("memory-bytes-max", limits.memory_bytes_max.to_string()),
            set("stack-bytes-max", limits.stack_bytes_max.to_string()),
            set("component-bytes-max", limits.component_bytes_max.to_string()),
            set("compile-ms-max", config.compile_ms_max.to_string()),
            set("compile-memory-bytes-max", config.compile_memory_bytes_max.to_string()),
        ];
        Self {
            program: program(&config.compiler),
            arguments: arguments.into_iter().flatten().collect(),
            ms_max: config.compile_ms_max,
            memory_bytes_max: config.compile_memory_bytes_max,
            places: Semaphore::new(COMPILES_MAX),
        }
    }

    /// Compiles a component. Dropping the future ends the process.
    pub(super) async fn compile(&self, name: &str, component: &[u8]) -> Result<(), CompileError> {
        let _place = self.places.acquire().await.expect("the semaphore is never closed");
        let limit = Duration::from_millis(self.ms_max);
        let began = Instant::now();
        let ended = tokio::time::timeout(limit, self.run(name, component)).await;
        match ended {
            // Where this process stood still, what came late is there when the limit is looked at.
            Ok(output) if began.elapsed() <= limit => self.judge(&output?),
            _ => Err(CompileError::Time { ms_max: self.ms_max }),
        }
    }

    async fn run(&self, name: &str, component: &[u8]) -> Result<Output, CompileError> {
        let failed = |source| CompileError::Start { program: self.program.clone(), source };
        let mut command = Command::new(&self.program);
        command
            .arg(COMMAND)
            .args(&self.arguments)
            .args(["--name", name])
            // Whatever secrets this process was given are not for the compiler.
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        for variable in ["PATH", "LD_LIBRARY_PATH"] {
            if let Some(value) = std::env::var_os(variable) {
                command.env(variable, value);
            }
        }
        let mut child = command.spawn().map_err(failed)?;
        let mut stdin = child.stdin.take().expect("standard input is piped");
        let send = async move {
            // Who refuses early does not read to the end, and says why below.
            let _ = stdin.write_all(component).await;
            drop(stdin);
        };
        let ((), output) = tokio::join!(send, child.wait_with_output());
        output.map_err(failed)
    }

    fn judge(&self, output: &Output) -> Result<(), CompileError> {
        let status = output.status;
        if status.success() {
            return Ok(());
        }
        let said = |bytes: &[u8]| {
            let text = String::from_utf8_lossy(bytes);
            text.trim().chars().take(SAID_CHARS_MAX).collect::<String>()
        };
        let memory = CompileError::Memory { bytes_max: self.memory_bytes_max };
        let ours = [REFUSED, FAILED, FULL];
        let ours = ours.into_iter().find(|own| status.code() == Some(i32::from(*own)));
        if let Some(own) = ours {
            let message = String::from_utf8_lossy(&output.stdout).trim().to_owned();
            return Err(match own {
                _ if is_memory(&message) => memory,
                FULL => CompileError::Full { message },
                FAILED => CompileError::Failed { message },
                _ => CompileError::Refused { message },
            });
        }
        if status.signal().is_some_and(|signal| SIGNALS_OF_TIME.contains(&signal)) {
            return Err(CompileError::Time { ms_max: self.ms_max });
        }
        let words = said(&output.stderr);
        if is_memory(&words) {
            return Err(memory);
        }
        Err(CompileError::Crashed { how: how(status, &words) })
    }
}

/// What the language and the system say when there is no more memory.
fn is_memory(words: &str) -> bool {
    ["memory allocation of", "out of memory", "Cannot allocate memory"]
        .iter()
        .any(|said| words.contains(said))
}

fn how(status: ExitStatus, words: &str) -> String {
    if words.is_empty() { status.to_string() } else { format!("{status}: {words}") }
}

/// This program, unless another is configured. On Linux by the link that stays right when the
/// file is replaced by a newer version.
fn program(configured: &str) -> PathBuf {
    match configured {
        "" if cfg!(target_os = "linux") => PathBuf::from("/proc/self/exe"),
        "" => std::env::current_exe().unwrap_or_else(|_| PathBuf::from("hyfunc")),
        program => PathBuf::from(program),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compiler() -> Compiler {
        Compiler {
            program: PathBuf::from("x"),
            arguments: Vec::new(),
            ms_max: 5,
            memory_bytes_max: 6,
            places: Semaphore::new(1),
        }
    }

    /// A wait status as the system encodes it, what was said, and what is made of it.
    #[test]
    fn every_end_has_its_error() {
        for (raw, stdout, stderr, words) in [
            (3 << 8, "no component\n", "", "no component"),
            (3 << 8, "it did not arrive: out of memory", "", "compile_memory_bytes_max = 6"),
            (4 << 8, "cannot keep it: no permission", "", "no permission; check sandbox.aot_dir"),
            (5 << 8, "cannot keep it: no space", "", "no space; free some room"),
            (9, "", "", "compile_ms_max = 5"),
            (24, "", "", "compile_ms_max = 5"),
            (6, "", "memory allocation of 9 bytes failed", "compile_memory_bytes_max = 6"),
            (11, "", "", "brought the compiler down (signal: 11"),
            (101 << 8, "", "thread 'main' panicked", "panicked); please report"),
        ] {
            let output = Output {
                status: ExitStatus::from_raw(raw),
                stdout: stdout.into(),
                stderr: stderr.into(),
            };
            let error = compiler().judge(&output).unwrap_err().to_string();
            assert!(error.contains(words), "{raw}: {error}");
        }
        let output =
            Output { status: ExitStatus::from_raw(0), stdout: Vec::new(), stderr: Vec::new() };
        assert!(compiler().judge(&output).is_ok());
    }

    #[tokio::test]
    async fn a_program_that_is_not_there_is_named() {
        let compiler =
            Compiler { program: PathBuf::from("/does/not/exist"), ms_max: 10_000, ..compiler() };
        let error = compiler.compile("x", b"").await.unwrap_err().to_string();
        assert!(error.contains("/does/not/exist") && error.contains("library.compiler"), "{error}");
    }

    #[tokio::test]
    async fn what_never_ends_is_ended() {
        let root = tempfile::tempdir().unwrap();
        let program = root.path().join("slow");
        std::fs::write(&program, "#!/bin/sh\nexec sleep 600\n").unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&program, mode).unwrap();
        let compiler = Compiler { program, ms_max: 200, ..compiler() };
        let component = vec![0; 4 << 20];
        let error = compiler.compile("x", &component).await.unwrap_err();
        assert!(matches!(error, CompileError::Time { ms_max: 200 }), "{error}");
    }
}
