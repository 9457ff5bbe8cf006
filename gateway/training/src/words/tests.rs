use hyfunc_functions::schema::function_from_schema;
use serde_json::{Map, json};

use super::*;
use crate::import::Check;

/// What a small encoder knows: things that go together point one way.
const MEANINGS: [(&str, [f32; 3]); 8] = [
    ("[UNK]", [0.0, 0.0, 0.0]),
    ("car", [1.0, 0.0, 0.1]),
    ("vehicle", [1.0, 0.1, 0.0]),
    ("rose", [0.0, 1.0, 0.1]),
    ("flower", [0.1, 1.0, 0.0]),
    ("the", [0.6, 0.6, 0.2]),
    ("##s", [0.5, 0.5, 0.3]),
    ("a", [0.5, 0.6, 0.2]),
];

fn encode(texts: &[&str]) -> Result<Vec<Vec<f32>>, String> {
    let vector = |text: &&str| {
        let of = MEANINGS.iter().find(|(piece, _)| piece.trim_start_matches("##") == *text);
        of.map(|(_, vector)| vector.to_vec()).ok_or_else(|| format!("`{text}` is strange"))
    };
    texts.iter().map(vector).collect()
}

fn function(name: &str, about: &str) -> Arc<Function> {
    let schema = json!({"type": "object", "properties": {}});
    Arc::new(function_from_schema(name, about, &schema).unwrap())
}

fn vocabulary_of_test() -> Vec<String> {
    MEANINGS.iter().map(|(piece, _)| (*piece).to_owned()).collect()
}

fn row(query: &str, functions: &[Arc<Function>], called: usize) -> Row {
    Row {
        id: String::new(),
        query: query.into(),
        functions: functions.to_vec(),
        calls: vec![(called, Map::new())],
        is_unmet: false,
    }
}

#[test]
fn pieces_are_asked_for_without_their_marks_and_in_order() {
    let vectors = asked(&vocabulary_of_test(), &encode).unwrap();
    let expected: Vec<f32> = MEANINGS.iter().flat_map(|(_, vector)| *vector).collect();
    assert_eq!(vectors, expected);
    let strange = vec!["zebra".to_owned()];
    let error = asked(&strange, &encode).unwrap_err().to_string();
    assert!(error.contains("the encoder") && error.contains("zebra"), "{error}");
}

#[test]
fn what_is_learnt_is_folded_into_the_table() {
    let cutter = Cutter::new(&vocabulary_of_test()).unwrap();
    let flat: Vec<f32> = MEANINGS.iter().flat_map(|(_, vector)| *vector).collect();
    let table = Tensor::from_vec(flat, (MEANINGS.len(), 3), &Device::Cpu).unwrap();
    let map = VarMap::new();
    let vb = VarBuilder::from_varmap(&map, DType::F32, &Device::Cpu);
    let learnt = Learnt::new((MEANINGS.len(), 3), &vb).unwrap();
    let functions = [function("drive", "the car"), function("plant", "the rose")];
    let rows = [row("the vehicle", &functions, 0), row("the flower", &functions, 1)];
    let mut known = Known::default();
    let of = |known: &mut Known| {
        let loss = loss((&table, &learnt), &cutter, &rows, known).unwrap().unwrap();
        (loss.to_scalar::<f32>().unwrap(), loss)
    };
    let (first, _) = of(&mut known);
    let mut optimizer = AdamW::new(&map, 0.05, 0.0, 40).unwrap();
    for _ in 0..40 {
        let gradients = optimizer.gradients(&of(&mut known).1).unwrap();
        optimizer.step(&gradients).unwrap();
    }
    let (last, _) = of(&mut known);
    assert!(last < first * 0.8, "{first} {last}");
    // Serving adds rows of the folded table and comes to the same.
    let folded = learnt.folded(&table).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
    let bytes = words::to_bytes(&vocabulary_of_test(), &folded, 3).unwrap();
    let served = Words::from_bytes(&bytes).unwrap();
    for text in ["the vehicle", "a flower", "cars"] {
        let read = learnt.read(&table, &[cut(&cutter, text)]).unwrap().to_vec2::<f32>().unwrap();
        let dot: f32 = served.vector(text).iter().zip(&read[0]).map(|(a, b)| a * b).sum();
        assert!(dot > 0.999, "{text}: {dot}");
    }
    let found = find(&served, &functions, &rows);
    assert_eq!(found, Found { requests: 2, first: 1.0, fifth: 1.0 });
}

#[test]
fn rows_that_call_nothing_teach_nothing() {
    let cutter = Cutter::new(&vocabulary_of_test()).unwrap();
    let table = Tensor::zeros((MEANINGS.len(), 3), DType::F32, &Device::Cpu).unwrap();
    let vb = VarBuilder::zeros(DType::F32, &Device::Cpu);
    let learnt = Learnt::new((MEANINGS.len(), 3), &vb).unwrap();
    let mut none = row("the car", &[function("drive", "the car")], 0);
    none.calls.clear();
    assert!(loss((&table, &learnt), &cutter, &[none], &mut Known::default()).unwrap().is_none());
}

/// Options of a run of two steps over phrases and practice plugins alone.
fn options(out: &Path, width: usize) -> WordsOptions {
    let library = vec![function("text_reverse", "Turns a text round.")];
    WordsOptions {
        data: Data { library, check: Check::Structure, ..Data::default() },
        vocabulary: vocabulary_of_test(),
        encoder_sha256: "0".repeat(64),
        width,
        out: out.to_owned(),
        steps: 2,
        schedule: Schedule {
            shards: 1,
            seed: 1,
            rate: 1.0,
            resume: false,
            from: None,
            checkpoint_steps: 1,
        },
    }
}

#[test]
fn a_run_writes_a_table_that_can_be_read_and_goes_on_after_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = options(folder.path(), 2);
    let report = train(&options, &encode).unwrap();
    let words = Words::from_bytes(&std::fs::read(&report.path).unwrap()).unwrap();
    assert_eq!(words.width(), 2);
    assert!(report.found[1].requests > 100 && report.to_string().contains("as the encoder has it"));
    let error = train(&options, &encode).unwrap_err().to_string();
    assert!(error.contains("--resume"), "{error}");
    options.schedule.resume = true;
    let silent = |_: &[&str]| Err("it was asked again".to_owned());
    assert_eq!(train(&options, &silent).unwrap().bytes, report.bytes);
}

#[test]
fn more_numbers_than_the_encoder_has_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    for width in [0, 4] {
        let error = train(&options(&folder.path().join(width.to_string()), width), &encode);
        let error = error.unwrap_err().to_string();
        assert!(error.contains("--width"), "{error}");
    }
}

#[test]
fn a_vocabulary_of_another_kind_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokenizer.json");
    for (json, said) in [
        (r#"{"model": {"type": "BPE", "vocab": {"a": 0}}}"#, "WordPiece"),
        (r#"{"model": {"type": "WordPiece", "vocab": {"a": 1}}}"#, "`a` has the number 1"),
        (r#"{"model": {"type": "WordPiece", "vocab": {"a": 0, "b": 0}}}"#, "has the number 0"),
        ("{", "tokenizer.json"),
    ] {
        std::fs::write(&path, json).unwrap();
        let error = vocabulary(&path).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
    std::fs::write(&path, r#"{"model": {"type": "WordPiece", "vocab": {"b": 1, "a": 0}}}"#)
        .unwrap();
    assert_eq!(vocabulary(&path).unwrap(), ["a", "b"]);
}
