//! C: bindings from wit-bindgen, clang and wasi-libc, and a linker that makes a component.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::commands::plugin::AuthorError;
use crate::commands::plugin::language::files_with;
use crate::commands::plugin::tool::{self, Tool};

/// Folder of the bindings, below the plugin's own.
const BINDINGS: &str = "build";
/// Where distributions put wasi-libc.
const SYSROOT: &str = "/usr";

const WIT_BINDGEN: Tool = Tool {
    program: "wit-bindgen",
    purpose: "writes the bindings of plugins written in C",
    install: "cargo install wit-bindgen-cli@0.61.1 --locked",
};

const CLANG: Tool = Tool {
    program: "clang",
    purpose: "compiles plugins written in C",
    install: "apt-get install clang lld wasi-libc libclang-rt-dev-wasm32\n\
              or unpack the WASI SDK and set WASI_SDK_PATH to its folder",
};

const WASM_LD: Tool = Tool { program: "wasm-ld", purpose: "links plugins written in C", ..CLANG };

const COMPONENT_LD: Tool = Tool {
    program: "wasm-component-ld",
    purpose: "makes a component of what plugins written in C are compiled to",
    install: "cargo install wasm-component-ld@0.5.31 --locked",
};

/// Builds every `.c` file of a folder.
pub(super) fn build(
    folder: &Path,
    world: Option<&str>,
    out: &Path,
) -> Result<PathBuf, AuthorError> {
    let sources: Vec<String> = files_with(folder, "c").collect();
    if sources.is_empty() {
        return Err(AuthorError::Unbuildable {
            path: folder.to_owned(),
            reason: "there is no .c file, which implements the world".into(),
        });
    }
    let wit_bindgen = WIT_BINDGEN.find(&[])?;
    let mut compiler = compiler(folder)?;
    write_bindings(wit_bindgen, folder, world)?;
    let bindings = |extension: &str| {
        let files = files_with(&folder.join(BINDINGS), extension);
        files.map(|file| format!("{BINDINGS}/{file}")).collect::<Vec<_>>()
    };
    compiler.args(["-mexec-model=reactor", "-Os", "-Wall"]).arg(format!("-I{BINDINGS}"));
    compiler.args(sources).args(bindings("c")).args(bindings("o")).arg("-o").arg(out);
    tool::run(&mut compiler, folder)?;
    Ok(out.to_owned())
}

/// Bindings of a world that was renamed must not be compiled too, so all are made anew.
fn write_bindings(
    wit_bindgen: PathBuf,
    folder: &Path,
    world: Option<&str>,
) -> Result<(), AuthorError> {
    for extension in ["c", "h", "o"] {
        for file in files_with(&folder.join(BINDINGS), extension) {
            if is_generated(&folder.join(BINDINGS).join(&file)) {
                let _ = fs::remove_file(folder.join(BINDINGS).join(file));
            }
        }
    }
    let mut command = Command::new(wit_bindgen);
    command.args(["c", "wit", "--out-dir", BINDINGS]);
    if let Some(world) = world {
        command.args(["--world", world]);
    }
    tool::run(&mut command, folder)
}

/// The author may keep files of their own beside those.
fn is_generated(path: &Path) -> bool {
    let is_type = path.to_string_lossy().ends_with("_component_type.o");
    is_type || fs::read_to_string(path).is_ok_and(|text| text.contains("by `wit-bindgen`"))
}

/// clang with everything that makes it write a component.
fn compiler(folder: &Path) -> Result<Command, AuthorError> {
    if let Some(sdk) = env::var_os("WASI_SDK_PATH").filter(|path| !path.is_empty()) {
        // Its clang knows its sysroot, and links components by itself.
        let mut command = Command::new(CLANG.find(&[PathBuf::from(sdk).join("bin")])?);
        command.arg("--target=wasm32-wasip2");
        return Ok(command);
    }
    let mut command = Command::new(CLANG.find(&[])?);
    WASM_LD.find(&[])?;
    if !Path::new(SYSROOT).join("lib/wasm32-wasi/libc.a").is_file() {
        return Err(AuthorError::Tool {
            what: "wasi-libc".into(),
            purpose: "plugins written in C are linked with",
            install: tool::indented(CLANG.install),
        });
    }
    let linker = component_ld(folder).ok_or_else(|| COMPONENT_LD.missing())?;
    command.arg("--target=wasm32-wasi").arg(format!("--sysroot={SYSROOT}"));
    command.arg(format!("-fuse-ld={}", linker.display()));
    Ok(command)
}

/// On PATH, or the one that comes with Rust's toolchains.
fn component_ld(folder: &Path) -> Option<PathBuf> {
    if let Some(linker) = tool::find(COMPONENT_LD.program, &[]) {
        return Some(linker);
    }
    let mut rustc = Command::new(tool::find("rustc", &[])?);
    let output = rustc.args(["--print", "sysroot"]).current_dir(folder).output().ok()?;
    let sysroot = String::from_utf8(output.stdout).ok()?;
    let hosts = fs::read_dir(Path::new(sysroot.trim()).join("lib/rustlib")).ok()?;
    let mut linkers =
        hosts.flatten().map(|host| host.path().join("bin").join(COMPONENT_LD.program));
    linkers.find(|linker| linker.is_file())
}
