//! A component with its docs, and the files that go with it.

use std::fs;
use std::path::Path;

use hyfunc_functions::component::read_component;
use hyfunc_functions::docs;

use crate::error::BuildError;
use crate::sources::Guest;
use crate::write;

/// Checks a plugin's docs against its component and writes `<name>.wasm`, `<name>.wit` and
/// `<name>.grants.toml` to `out`.
pub(crate) fn pack(guest: &Guest, component: &Path, out: &Path) -> Result<(), BuildError> {
    let name = &guest.name;
    let file = |path: &Path| {
        let path = path.to_owned();
        move |source| BuildError::File { path, source }
    };
    let said = |source| BuildError::Docs { plugin: name.clone(), source };
    let bytes = fs::read(component).map_err(file(component))?;
    let functions = read_component(name, &bytes).map_err(|source| BuildError::Component {
        plugin: name.clone(),
        source: Box::new(source),
    })?;
    let wit = guest.wit()?;
    let written = docs::docs_from_wit(&wit, None).map_err(said)?;
    docs::check(&written, &functions.functions, &functions.refused).map_err(said)?;
    let packed = docs::inject(&bytes, &written).map_err(said)?;
    write(&out.join(format!("{name}.wasm")), &packed)?;

    let own: Vec<&str> = wit
        .iter()
        .filter(|(path, _)| !path.starts_with("deps/"))
        .map(|(_, text)| text.as_str())
        .collect();
    write(&out.join(format!("{name}.wit")), own.join("\n").as_bytes())?;

    let grants = guest.folder.join("grants.toml");
    let text = fs::read(&grants).map_err(file(&grants))?;
    write(&out.join(format!("{name}.grants.toml")), &text)
}
