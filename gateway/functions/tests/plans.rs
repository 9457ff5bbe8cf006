//! Plans: whether to call, which candidate, how often.

use std::sync::Arc;

use hyfunc_functions::function::Function;
use hyfunc_functions::notation;
use hyfunc_functions::oracle::{GoldCall, OracleError};
use hyfunc_functions::schema::function_from_schema;
use hyfunc_functions::template::{CursorError, PlanOptions, Step};
use hyfunc_functions::{PlanCursor, Spelling, Template, Value};
use serde_json::json;

fn functions() -> Vec<Function> {
    let city =
        json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]});
    vec![
        function_from_schema("weather", "", &city).expect("a function"),
        function_from_schema("now", "", &json!({})).expect("a function"),
    ]
}

fn plan(count: usize, spelling: Spelling, required: bool, calls_max: usize) -> PlanCursor {
    let templates = functions()
        .into_iter()
        .take(count)
        .map(|function| Arc::new(Template::new(&function, spelling)));
    PlanCursor::new(templates.collect(), PlanOptions { required, calls_max })
}

fn gold(names: &[&str]) -> Vec<GoldCall> {
    let arguments =
        |name: &str| if name == "weather" { json!({"city": "Rome"}) } else { json!({}) };
    names
        .iter()
        .map(|name| GoldCall { name: (*name).to_owned(), arguments: arguments(name) })
        .collect()
}

#[test]
fn lines() {
    use Spelling::{Bracket, Hermes, Llama, Param};
    let rome = "<param>city=⟨Rome⟩</param></call>";
    let cases: [(PlanCursor, &[&str], String); 16] = [
        (plan(2, Param, false, 8), &[], "⟦<end>⟧".to_owned()),
        (plan(2, Param, false, 8), &["weather"], format!("⟦<call>⟧⟦weather⟧{rome}⟦<end>⟧")),
        (
            plan(2, Param, false, 8),
            &["weather", "now"],
            format!("⟦<call>⟧⟦weather⟧{rome}⟦<call>⟧⟦now⟧</call>⟦<end>⟧"),
        ),
        (plan(2, Param, true, 8), &["now"], "<call>⟦now⟧</call>⟦<end>⟧".to_owned()),
        (plan(2, Param, true, 1), &["now"], "<call>⟦now⟧</call><end>".to_owned()),
        (plan(1, Param, true, 1), &["weather"], format!("<call>weather{rome}<end>")),
        (plan(1, Param, false, 1), &["weather"], format!("⟦<call>⟧weather{rome}<end>")),
        (plan(0, Param, true, 8), &[], "<end>".to_owned()),
        (plan(2, Param, false, 0), &[], "<end>".to_owned()),
        (plan(2, Hermes, false, 8), &[], "⟦⟧".to_owned()),
        (
            plan(2, Hermes, false, 2),
            &["now", "now"],
            "⟦<tool_call>⏎{\"name\": \"⟧⟦now⟧\", \"arguments\": {}}⏎</tool_call>\
             ⟦⏎<tool_call>⏎{\"name\": \"⟧⟦now⟧\", \"arguments\": {}}⏎</tool_call>"
                .to_owned(),
        ),
        (plan(2, Llama, false, 8), &[], "⟦⟧".to_owned()),
        (
            plan(2, Llama, true, 2),
            &["now", "now"],
            "{\"name\": \"⟦now⟧\", \"parameters\": {}}⟦; {\"name\": \"⟧⟦now⟧\", \"parameters\": {}}"
                .to_owned(),
        ),
        (plan(2, Bracket, false, 8), &[], "⟦⟧".to_owned()),
        (
            plan(2, Bracket, false, 8),
            &["weather", "now"],
            "⟦[⟧⟦weather⟧(city=\"⟨Rome⟩\")⟦, ⟧⟦now⟧()⟦]⟧".to_owned(),
        ),
        (plan(1, Bracket, true, 1), &["weather"], "[weather(city=\"⟨Rome⟩\")]".to_owned()),
    ];
    for (plan, names, line) in cases {
        assert_eq!(notation::plan(plan, &gold(names)), Ok(line), "{names:?}");
    }
}

#[test]
fn gold_that_a_plan_cannot_hold() {
    let count = |calls| Err(OracleError::Count { calls });
    let cases = [
        (plan(2, Spelling::Param, true, 8), gold(&[]), count(0)),
        (plan(2, Spelling::Param, false, 1), gold(&["now", "now"]), count(2)),
        (
            plan(0, Spelling::Param, false, 8),
            gold(&["now"]),
            Err(OracleError::NoCandidate { name: "now".to_owned() }),
        ),
    ];
    for (plan, gold, expected) in cases {
        assert_eq!(notation::plan(plan, &gold), expected);
    }
}

#[test]
fn a_step_refuses_what_does_not_fit_and_stays() {
    let mut plan = plan(2, Spelling::Param, false, 8);
    let refused = plan.choose(2);
    assert!(matches!(
        refused,
        Err(CursorError::NoSuchAlternative { alternative: 2, count: 2, .. })
    ));
    assert!(matches!(plan.fill(Value::Null), Err(CursorError::NotASlot { .. })));
    assert!(matches!(plan.clone().finish(), Err(CursorError::NotDone { .. })));
    plan.choose(0).expect("a call");
    plan.choose(0).expect("the first candidate");
    assert!(matches!(plan.choose(0), Err(CursorError::NotAChoice { .. })));
    plan.advance();
    assert!(matches!(plan.fill(Value::Int(1)), Err(CursorError::NotAdmitted { .. })));
    assert!(matches!(plan.step(), Step::Slot(slot) if slot.subject == "city"));
    plan.fill(Value::String("Rome".to_owned())).expect("a string");
    assert_eq!(plan.calls(), [(0, Value::Record(vec![Some(Value::String("Rome".to_owned()))]))]);
}

#[test]
fn a_preview_tells_alternatives_apart() {
    let plan = plan(2, Spelling::Param, false, 8);
    assert_eq!(plan.preview(0), Ok("<call>".to_owned()));
    assert_eq!(plan.preview(1), Ok("<end>".to_owned()));
    let mut plan = plan;
    plan.choose(0).expect("a call");
    assert_eq!(plan.preview(0), Ok("weather<param>city=".to_owned()));
    assert_eq!(plan.preview(1), Ok("now</call>".to_owned()));
}
