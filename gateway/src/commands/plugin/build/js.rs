//! JavaScript: jco, which puts the QuickJS engine and the module into one component.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value as Json;

use crate::commands::plugin::AuthorError;
use crate::commands::plugin::tool::{self, Tool};

/// The module, where `package.json` names none.
const MODULE: &str = "app.js";

const NODE: Tool = Tool {
    program: "node",
    purpose: "runs jco, which builds plugins written in JavaScript",
    install: "install Node.js 20 or later, such as with `apt-get install nodejs npm`\nnpm install",
};

const JCO: Tool = Tool {
    program: "jco",
    purpose: "builds plugins written in JavaScript",
    install: "npm install --save-dev @bytecodealliance/jco@1.35.0 componentize-qjs@0.4.5",
};

/// Builds the module that `package.json` names.
pub(super) fn build(
    folder: &Path,
    world: Option<&str>,
    out: &Path,
) -> Result<PathBuf, AuthorError> {
    let module = module(folder)?;
    NODE.find(&[])?;
    let mut command = Command::new(JCO.find(&[folder.join("node_modules/.bin")])?);
    command.args(["componentize", module.as_str(), "--wit", "wit"]);
    if let Some(world) = world {
        command.args(["--world-name", world]);
    }
    // Smaller by ten than SpiderMonkey, and a call of a plugin is short.
    command.args(["--backend", "quickjs", "--backend-qjs-disable-async", "-o"]).arg(out);
    tool::run(&mut command, folder)?;
    Ok(out.to_owned())
}

fn module(folder: &Path) -> Result<String, AuthorError> {
    let wrong = |reason: String| AuthorError::Unbuildable { path: folder.to_owned(), reason };
    let module = match fs::read_to_string(folder.join("package.json")) {
        Ok(text) => {
            let package: Json = serde_json::from_str(&text)
                .map_err(|error| wrong(format!("its package.json is not JSON: {error}")))?;
            package["main"].as_str().unwrap_or(MODULE).to_owned()
        }
        Err(_) => MODULE.to_owned(),
    };
    if !folder.join(&module).is_file() {
        return Err(wrong(format!(
            "there is no {module}, which implements the world; name the module as `main` in \
             package.json"
        )));
    }
    Ok(module)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_package_names_its_module() {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        let said = || module(folder.path()).map_err(|error| error.to_string());
        assert!(said().unwrap_err().contains("no app.js"));
        put("app.js", "");
        assert_eq!(said().unwrap(), "app.js");
        put("package.json", "{");
        assert!(said().unwrap_err().contains("not JSON"));
        put("package.json", "{\"main\": \"tides.js\"}");
        assert!(said().unwrap_err().contains("no tides.js"));
        put("tides.js", "");
        assert_eq!(said().unwrap(), "tides.js");
    }
}
