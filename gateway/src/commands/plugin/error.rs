//! What can go wrong between an idea and a built plugin.

use std::path::PathBuf;

use hyfunc_sandbox::GrantsError;

/// Why an author's command came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum AuthorError {
    /// A name that cannot be a plugin's.
    #[error("`{name}` cannot be a plugin's name: {reason}")]
    Name {
        /// As typed.
        name: String,
        /// What is wrong and what to type instead.
        reason: String,
    },
    /// Something is there already.
    #[error("{path} exists already: choose another name, or another place with --dir", path = .path.display())]
    Exists {
        /// The folder that would be made.
        path: PathBuf,
    },
    /// Not a folder.
    #[error("{path} is no folder: name the folder of a plugin, or make one with `hyfunc plugin new`", path = .path.display())]
    NoFolder {
        /// As typed.
        path: PathBuf,
    },
    /// Something that is not to be written over.
    #[error("{path} is no ordinary file, and is not written over: name a file, such as NAME.wasm", path = .path.display())]
    NoFile {
        /// As typed.
        path: PathBuf,
    },
    /// A world that offers nothing.
    #[error(
        "the world in {path} exports no function that could be called: write an `interface` with \
         functions, and `export` it in the world",
        path = .path.display()
    )]
    NoExport {
        /// Folder of the WIT.
        path: PathBuf,
    },
    /// A folder of no known language.
    #[error(
        "cannot tell which language {path} is written in: there is no Cargo.toml (Rust), no \
         package.json (JavaScript), no app.py (Python) and no .c file (C); name another folder, or \
         start with `hyfunc plugin new`",
        path = .path.display()
    )]
    NoLanguage {
        /// The folder.
        path: PathBuf,
    },
    /// A folder of several languages.
    #[error("{path} looks like {found}: say which with --lang", path = .path.display())]
    Languages {
        /// The folder.
        path: PathBuf,
        /// Their names.
        found: String,
    },
    /// A tool is missing.
    #[error("{what} is missing, which {purpose}; to install it:\n{install}")]
    Tool {
        /// What is missing.
        what: String,
        /// What it is for.
        purpose: &'static str,
        /// What to type, a command a line.
        install: String,
    },
    /// A tool does not start.
    #[error("cannot start {program}: {source}; check that it may be executed", program = .program.display())]
    Start {
        /// Where it is.
        program: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A tool gave up.
    #[error("`{command}` failed ({status}); what it says is above")]
    Failed {
        /// As one would type it.
        command: String,
        /// How it ended.
        status: std::process::ExitStatus,
    },
    /// A folder that lacks what its language's tool wants.
    #[error("{path} cannot be built: {reason}", path = .path.display())]
    Unbuildable {
        /// The folder.
        path: PathBuf,
        /// What is missing and what to write.
        reason: String,
    },
    /// A folder whose component is yet to be built.
    #[error("{component} is not there yet: run `hyfunc plugin build {folder}` first", component = .component.display(), folder = .folder.display())]
    NotBuilt {
        /// The folder.
        folder: PathBuf,
        /// Where its component would be.
        component: PathBuf,
    },
    /// Grants that the gateway would refuse.
    // What is wrong begins with the name of the file, which the path has already.
    #[error("{path}: {}", .source.to_string().trim_start_matches("grants.toml: ").trim_end(), path = .path.display())]
    Grants {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: Box<GrantsError>,
    },
}
