//! Templates of replies: they come with a stranger's component.

use hyfunc_functions::reply::{REPLY_BYTES_MAX, ReplyError, check_reply, render_reply};
use hyfunc_functions::types::{Case, Field, FloatType, ListType, RecordType, StringType};
use hyfunc_functions::{Type, Value};
use serde_json::json;

/// A template is rendered within bounds, the same way twice, or refused by name.
pub fn check(data: &[u8]) {
    let Ok(template) = std::str::from_utf8(data) else { return };
    let checked = check_reply(template, Some(&returns()));
    assert_eq!(checked, check_reply(template, Some(&returns())));
    let arguments = json!({"city": "Paris", "days": 2.0, "tags": ["a", "b"]});
    let render = || render_reply(template, &returns(), &value(), &arguments);
    match render() {
        Ok(text) => {
            assert!(text.len() <= REPLY_BYTES_MAX, "{} bytes", text.len());
            assert_eq!(render(), Ok(text));
        }
        Err(error) => {
            assert!(!matches!(error, ReplyError::ToolError), "there was a result");
            assert!(!error.to_string().is_empty());
        }
    }
}

fn field(name: &str, ty: Type) -> Field {
    Field { name: name.to_owned(), doc: String::new(), ty, required: true, default: None }
}

fn returns() -> Type {
    let case = |name: &str| Case { name: name.to_owned(), doc: String::new() };
    let text = Type::String(StringType::default());
    let list = ListType { element: Box::new(text.clone()), len_min: 0, len_max: None };
    Type::Record(RecordType {
        fields: vec![
            field("temperature", Type::Float(FloatType::default())),
            field("sky", Type::Enum(vec![case("clear"), case("rain")])),
            field("city", text),
            field("tags", Type::List(list)),
        ],
    })
}

fn value() -> Value {
    let text = |text: &str| Value::String(text.to_owned());
    Value::Record(vec![
        Some(Value::Float(21.3)),
        Some(Value::Enum(0)),
        Some(text("<Paris>")),
        Some(Value::List(vec![text("x"), text("{{ y }}")])),
    ])
}
