//! What of a call's arguments is written.

use serde_json::{Map, Value as Json, json};

use crate::keys::matches;

/// What stands where a value was.
const HIDDEN: &str = "[redacted]";

/// Names of fields whose values are left out, wherever they stand.
pub struct Redaction {
    /// Patterns in lower case.
    names: Vec<String>,
    /// Most bytes of arguments; 0 writes none.
    bytes_max: usize,
}

impl Redaction {
    pub fn new(names: &[String], bytes_max: usize) -> Self {
        Self { names: names.iter().map(|name| name.to_lowercase()).collect(), bytes_max }
    }

    /// The arguments as they are written: whole, or only how long they are.
    pub fn apply(&self, arguments: &Json) -> Json {
        if self.bytes_max == 0 {
            return Json::Null;
        }
        let shown = self.hide(arguments);
        let bytes = shown.to_string().len();
        if bytes <= self.bytes_max { shown } else { json!({"left_out_bytes": bytes}) }
    }

    fn hide(&self, value: &Json) -> Json {
        match value {
            Json::Object(members) => {
                let hidden = members.iter().map(|(name, value)| {
                    let shown =
                        if self.covers(name) { Json::from(HIDDEN) } else { self.hide(value) };
                    (name.clone(), shown)
                });
                Json::Object(hidden.collect::<Map<_, _>>())
            }
            Json::Array(items) => items.iter().map(|item| self.hide(item)).collect(),
            other => other.clone(),
        }
    }

    fn covers(&self, name: &str) -> bool {
        let name = name.to_lowercase();
        self.names.iter().any(|pattern| matches(pattern, &name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redaction(names: &[&str], bytes_max: usize) -> Redaction {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        Redaction::new(&names, bytes_max)
    }

    #[test]
    fn named_fields_are_hidden_wherever_they_stand() {
        let redaction = redaction(&["*password*", "PIN"], 10_000);
        for (arguments, written) in [
            (json!({}), json!({})),
            (json!({"title": "password"}), json!({"title": "password"})),
            (json!({"password": "x"}), json!({"password": HIDDEN})),
            (json!({"OldPassword": {"a": 1}}), json!({"OldPassword": HIDDEN})),
            (json!({"pin": 1234, "pins": 1}), json!({"pin": HIDDEN, "pins": 1})),
            (
                json!({"users": [{"name": "a", "pin": 1}, [{"pin": 2}]]}),
                json!({"users": [{"name": "a", "pin": HIDDEN}, [{"pin": HIDDEN}]]}),
            ),
        ] {
            assert_eq!(redaction.apply(&arguments), written, "{arguments}");
        }
    }

    #[test]
    fn long_arguments_are_left_out_whole() {
        let arguments = json!({"a": "12345"});
        for (bytes_max, written) in
            [(0, Json::Null), (12, json!({"left_out_bytes": 13})), (13, arguments.clone())]
        {
            assert_eq!(redaction(&[], bytes_max).apply(&arguments), written, "{bytes_max}");
        }
    }
}
