//! What the functions of `wit/world.wit` do.

mod bindings {
    wit_bindgen::generate!({ world: "plugin", path: "wit" });
}

use bindings::exports::local::template_name::greetings::{Guest, Language};

/// The plugin.
pub struct Plugin;

impl Guest for Plugin {
    fn greet(name: String, language: Option<Language>) -> Result<String, String> {
        greeting(&name, language.unwrap_or(Language::English))
    }
}

/// Logic that needs no component: `cargo test` runs it natively.
fn greeting(name: &str, language: Language) -> Result<String, String> {
    let name = name.trim();
    if name.is_empty() {
        return Err("say whom to greet".to_owned());
    }
    let word = match language {
        Language::English => "Hello",
        Language::French => "Bonjour",
        Language::German => "Guten Tag",
        Language::Spanish => "Hola",
    };
    Ok(format!("{word}, {name}!"))
}

#[cfg(target_family = "wasm")]
bindings::export!(Plugin with_types_in bindings);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_greeted_and_nobody_is_not() {
        assert_eq!(greeting(" Maria ", Language::French), Ok("Bonjour, Maria!".to_owned()));
        assert!(greeting(" ", Language::English).is_err());
    }
}
