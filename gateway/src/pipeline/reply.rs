//! What a person reads: the author's `@reply`, or the plain result.

use hyfunc_functions::reply::render_reply;
use serde_json::Value as Json;

use super::{DecidedCall, Ran, payloads};

/// The sentence for one call that ran here.
pub fn say(call: &DecidedCall, ran: &Ran) -> String {
    match &ran.result {
        Err(failure) => format!("{} failed: {}.", call.function.name, trimmed(&failure.message)),
        Ok(json) => authored(call, ran).unwrap_or_else(|| plain(&call.function.name, json)),
    }
}

/// The author's template; one that does not fit this very result is no reason to lose the result.
fn authored(call: &DecidedCall, ran: &Ran) -> Option<String> {
    let template = call.function.reply.as_deref()?;
    let (ty, _) = payloads(call.function.returns.as_ref());
    let reply = render_reply(template, ty?, ran.value.as_ref()?, &call.arguments_json);
    match reply {
        Ok(reply) => Some(reply),
        Err(error) => {
            tracing::warn!(function = call.function.name, %error, "its @reply does not render");
            None
        }
    }
}

fn plain(name: &str, json: &Json) -> String {
    match json {
        Json::Null => format!("{name}: done."),
        Json::String(text) => format!("{name}: {text}"),
        other => format!("{name}: {other}"),
    }
}

fn trimmed(message: &str) -> &str {
    message.trim_end().trim_end_matches('.')
}

/// The text, cut at a character's border, with a note when something is missing.
pub fn cut(mut text: String, bytes_max: usize) -> String {
    if text.len() > bytes_max {
        let mut end = bytes_max;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text.push_str("… (cut)");
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn results_without_a_template_are_plain() {
        for (json, said) in [
            (json!(null), "f: done."),
            (json!("ok"), "f: ok"),
            (json!(3.5), "f: 3.5"),
            (json!({"a": [1]}), "f: {\"a\":[1]}"),
        ] {
            assert_eq!(plain("f", &json), said);
        }
    }

    #[test]
    fn a_cut_never_splits_a_character() {
        for (text, bytes_max, left) in [
            ("abc", 3, "abc"),
            ("abcd", 3, "abc… (cut)"),
            ("aé", 2, "a… (cut)"),
            ("é", 0, "… (cut)"),
        ] {
            assert_eq!(cut(text.to_owned(), bytes_max), left);
        }
    }
}
