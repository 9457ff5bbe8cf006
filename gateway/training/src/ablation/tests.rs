use std::sync::Arc;

use hyfunc_cascade::shipped;
use hyfunc_functions::json::arguments_to_json;
use hyfunc_functions::schema::function_from_schema;
use hyfunc_functions::{Function, Spelling, Template};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde_json::{Map, Value as Json, json};

use super::free::Form;
use super::text::Class;
use super::*;

const WHOLE: Form = Form { is_retrieved: false, has_soft: true, is_selective: false };

fn functions() -> Vec<Arc<Function>> {
    let weather = json!({"type": "object", "required": ["city"], "properties": {
        "city": {"type": "string"}, "unit": {"enum": ["celsius", "kelvin"]},
        "tags": {"type": "array", "items": {"type": "string"}}}});
    let prime = json!({"type": "object", "required": ["n"], "properties": {
        "n": {"type": "integer"}, "sure": {"type": "boolean"}}});
    [("weather", weather), ("weather_history", prime.clone()), ("is_prime", prime)]
        .map(|(name, schema)| Arc::new(function_from_schema(name, "", &schema).unwrap()))
        .to_vec()
}

fn templates() -> Vec<Arc<Template>> {
    functions().iter().map(|of| Arc::new(Template::new(of, Spelling::Param))).collect()
}

fn calls(calls: &[(&str, Json)]) -> Vec<(String, Map<String, Json>)> {
    let one = |(name, json): &(&str, Json)| ((*name).to_owned(), json.as_object().unwrap().clone());
    calls.iter().map(one).collect()
}

fn rows() -> Vec<Row> {
    let functions = functions();
    let arguments = |json: Json| json.as_object().unwrap().clone();
    [
        ("is 7 prime?", vec![(2, arguments(json!({"n": 7})))]),
        ("how warm is it in Paris", vec![(0, arguments(json!({"city": "Paris"})))]),
        ("thanks a lot", vec![]),
    ]
    .map(|(query, calls)| Row {
        id: query.to_owned(),
        query: query.to_owned(),
        functions: functions.clone(),
        calls,
        is_unmet: false,
    })
    .to_vec()
}

#[test]
fn a_reply_says_which_of_its_tokens_decide() {
    let tiny = shipped::EMBEDDED.load(&Device::Cpu).unwrap();
    let bytes = tiny.tokenizer.token_bytes();
    let gold = calls(&[("is_prime", json!({"n": 97}))]);
    let reply = text::write(&tiny.tokenizer, &templates(), &gold).unwrap();
    let of = |class: Class| {
        let ids = reply.ids.iter().zip(&reply.classes).filter(|(_, own)| **own == class);
        write::shown(&text::said(&bytes, &ids.map(|(id, _)| *id).collect::<Vec<_>>()))
    };
    let whole = write::shown(&text::said(&bytes, &reply.ids));
    assert_eq!(whole, "<call>is_prime<param>n=97</param></call><end>");
    assert_eq!(of(Class::Value), "97");
    assert_eq!(of(Class::Closing), "</param>");
    // Whether to call, which function, no `sure`, no further call: the rest of the name is fixed.
    let decided = of(Class::Decision);
    assert!(decided.starts_with("<call>i") && decided.ends_with("</call><end>"), "{decided}");
    assert!(of(Class::Fixed).ends_with("<param>n="), "{}", of(Class::Fixed));
    let learnt = [Class::Decision, Class::Value, Class::Closing];
    assert!(learnt.into_iter().all(Class::is_learnt) && !Class::Fixed.is_learnt());
}

#[test]
fn what_is_written_is_read_back_and_nothing_else_is() {
    let tiny = shipped::EMBEDDED.load(&Device::Cpu).unwrap();
    let bytes = tiny.tokenizer.token_bytes();
    let read = |fixed: &str| text::said(&bytes, &text::ids(&tiny.tokenizer, fixed));
    for gold in [
        calls(&[]),
        calls(&[("weather", json!({"city": "paris"}))]),
        calls(&[("weather_history", json!({"n": -3, "sure": true}))]),
        calls(&[("weather", json!({"city": "a<b [c]", "unit": "kelvin", "tags": ["x", "y z"]}))]),
        calls(&[("is_prime", json!({"n": 7})), ("weather", json!({"city": "oslo", "tags": []}))]),
    ] {
        let reply = text::write(&tiny.tokenizer, &templates(), &gold).unwrap();
        let said = text::said(&bytes, &reply.ids);
        let plan = || text::plan_of(&templates());
        let found = write::parsed(plan(), &said, &read).expect("it was written so");
        let functions = functions();
        let found: Vec<(String, Json)> = found
            .iter()
            .map(|(at, value)| {
                let function = &functions[*at];
                (function.name.clone(), arguments_to_json(&function.parameters, value))
            })
            .collect();
        let wanted: Vec<(String, Json)> =
            gold.into_iter().map(|(name, arguments)| (name, Json::Object(arguments))).collect();
        assert_eq!(found, wanted);
        // Cut short, or with more behind its end, it is no reply.
        let mut shorter = said.clone();
        shorter.pop();
        for other in [shorter, format!("{said}x"), format!("x{said}")] {
            assert!(write::parsed(plan(), &other, &read).is_none(), "{}", write::shown(&other));
        }
    }
    let absent = calls(&[("unheard_of", json!({}))]);
    assert!(text::write(&tiny.tokenizer, &templates(), &absent).is_none());
}

/// Names of the variables that a loss moves.
fn moved(form: Form) -> (f32, Vec<String>) {
    let tiny = shipped::EMBEDDED.load(&Device::Cpu).unwrap();
    let map = VarMap::new();
    let small =
        Small::new(&tiny.config, &VarBuilder::from_varmap(&map, DType::F32, &Device::Cpu)).unwrap();
    variables::seed(&map, 3).unwrap();
    let mut teacher = Teacher::new(&tiny.large, &tiny.tokenizer, &Device::Cpu);
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let loss = free::loss(&small, &mut teacher, &rows(), form, &mut rng).unwrap().unwrap();
    let found = loss.backward().unwrap();
    let data = map.data().lock().unwrap();
    let is_moved = |name: &String| {
        let gradient = found.get(data[name].as_tensor());
        gradient.is_some_and(|of| {
            let most = of.abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap();
            most > 0.0
        })
    };
    let mut names: Vec<String> = data.keys().filter(|name| is_moved(name)).cloned().collect();
    names.sort();
    (loss.to_scalar::<f32>().unwrap(), names)
}

#[test]
fn each_form_has_its_own_loss_and_moves_what_it_needs() {
    let (whole, with_soft) = moved(WHOLE);
    let (selective, _) = moved(Form { is_selective: true, ..WHOLE });
    let (zeros, without) = moved(Form { has_soft: false, ..WHOLE });
    assert_ne!(whole, selective, "fixed text is learnt by one of them");
    assert_ne!(whole, zeros, "the soft token is read by one of them");
    let projected = |names: &[String]| names.iter().any(|name| name.starts_with("projector."));
    assert!(projected(&with_soft) && !projected(&without));
    assert!(!with_soft.iter().any(|name| name.starts_with("heads.")), "{with_soft:?}");
    for (form, names) in [(WHOLE, &with_soft), (Form { has_soft: false, ..WHOLE }, &without)] {
        let map = VarMap::new();
        let tiny = shipped::EMBEDDED.load(&Device::Cpu).unwrap();
        Small::new(&tiny.config, &VarBuilder::from_varmap(&map, DType::F32, &Device::Cpu)).unwrap();
        let needed = needed(&map, Training::Free(form));
        let data = needed.data().lock().unwrap();
        let missing: Vec<&String> = names.iter().filter(|name| !data.contains_key(*name)).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
}

/// A reply is scored token by token as it was learnt in one forward.
#[test]
fn what_is_learnt_is_what_is_written_with() {
    let tiny = shipped::EMBEDDED.load(&Device::Cpu).unwrap();
    let map = VarMap::new();
    let vb = VarBuilder::from_varmap(&map, DType::F32, &Device::Cpu);
    let learning = Small::new(&tiny.config, &vb).unwrap();
    variables::seed(&map, 5).unwrap();
    let written = frozen(&map, &tiny.config).unwrap();
    let mut teacher = Teacher::new(&tiny.large, &tiny.tokenizer, &Device::Cpu);
    for (row, has_soft) in rows().into_iter().zip([true, false, true]) {
        let form = Form { has_soft, ..WHOLE };
        let laid = free::lay(&learning, &mut teacher, std::slice::from_ref(&row), form, None);
        let laid = laid.unwrap().unwrap();
        let expected = learning.vocabulary(&laid.states).unwrap().to_vec2::<f32>().unwrap();
        let mut soft = tiny.distil(&row.query).unwrap().soft_token;
        if !has_soft {
            soft.fill(0.0);
        }
        let (query, functions) = (row.query.as_str(), row.functions.as_slice());
        let asked = write::Asked { query, functions, soft: &soft };
        let mut writer = write::Writer::new(&written, &tiny.tokenizer).unwrap();
        writer.know(functions).unwrap();
        let mut line = write::Line::begin(&writer, &asked).unwrap();
        for (expected, id) in expected.iter().zip(&laid.gold) {
            let found = line.logits.to_vec1::<f32>().unwrap();
            let far = found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(far < 1e-2, "{query}: {far}");
            line.feed(&[*id]).unwrap();
        }
    }
}

#[test]
fn the_retriever_offers_few_and_training_never_loses_a_called_function() {
    let tiny = shipped::EMBEDDED.load(&Device::Cpu).unwrap();
    let mut teacher = Teacher::new(&tiny.large, &tiny.tokenizer, &Device::Cpu);
    let mut row = rows().remove(1);
    let schema = json!({"type": "object", "properties": {}});
    for at in 0..9 {
        let function = function_from_schema(&format!("other{at}"), "", &schema).unwrap();
        row.functions.push(Arc::new(function));
    }
    let vector = tiny.distil(&row.query).unwrap().query_vector;
    for (is_retrieved, offered) in [(false, 12), (true, RETRIEVED_MAX)] {
        let of = free::offered(&mut teacher, &row, &vector, is_retrieved).unwrap();
        assert_eq!(of.len(), offered);
        assert!(of.is_sorted());
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let trained = free::trained_on(&row, of, is_retrieved, &mut rng);
        assert!(trained.contains(&0) && trained.len() <= 8, "{trained:?}");
    }
}

/// A small model as drawn replies along the templates with calls that are valid, whatever it thinks.
#[test]
fn along_templates_every_reply_can_be_read() {
    let mut tiny = shipped::EMBEDDED.load(&Device::Cpu).unwrap();
    for seed in 0..2 {
        let map = VarMap::new();
        let vb = VarBuilder::from_varmap(&map, DType::F32, &Device::Cpu);
        Small::new(&tiny.config, &vb).unwrap();
        variables::seed(&map, seed).unwrap();
        tiny.small = frozen(&map, &tiny.config).unwrap();
        let row = score::score(&tiny, &rows(), Variant::NoSoft).unwrap();
        assert_eq!(row.group.shared(READABLE).map(|share| share.share), Some(1.0));
        assert_eq!(row.group.rows, 3);
        assert!(row.group.shared(DECIDING).is_some_and(|share| share.count > 0));
    }
}
