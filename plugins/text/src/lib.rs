//! Words, letters, cases, encodings and passwords.

pub mod base64;
pub mod case;
pub mod count;
pub mod emails;
pub mod password;

#[allow(unsafe_code, missing_docs, clippy::all, reason = "generated from wit/world.wit")]
mod bindings {
    wit_bindgen::generate!({ world: "plugin", path: "wit" });
}

use bindings::exports::hyfunc::text::passwords::{Characters, Guest as Passwords};
use bindings::exports::hyfunc::text::text::{Guest as Text, Length, Style};

/// The plugin.
pub struct Plugin;

impl Text for Plugin {
    fn count_words(text: String) -> Length {
        count::length(&text)
    }

    fn count_letter(text: String, letter: char) -> u32 {
        count::letter(&text, letter)
    }

    fn change_case(text: String, style: Style) -> String {
        case::change(&text, style)
    }

    fn extract_emails(text: String) -> Vec<String> {
        emails::extract(&text)
    }

    fn decode_base64(data: Vec<u8>) -> Result<String, String> {
        base64::text(data)
    }
}

impl Passwords for Plugin {
    fn generate(length: Option<u8>, kinds: Option<Characters>) -> Result<String, String> {
        password::generate(length, kinds, password::system)
    }
}

#[cfg(target_family = "wasm")]
#[allow(unsafe_code, reason = "generated exports of the component")]
mod export {
    super::bindings::export!(Plugin with_types_in super::bindings);
    use super::Plugin;
}
