//! `hyfunc bench` with next to no iterations: every part works, and the JSON has the shape that
//! `docs/bench.md` gives. How fast anything is, no test asks.

use hyfunc::bench::Part;
use hyfunc::cli::BenchArgs;
use hyfunc::{Config, commands};
use serde_json::Value as Json;

fn few(parts: &[Part]) -> BenchArgs {
    BenchArgs {
        parts: parts.to_vec(),
        iterations: Some(6),
        functions: vec![16, 64],
        concurrency: vec![1, 3],
        ..BenchArgs::default()
    }
}

async fn run(args: &BenchArgs) -> String {
    let mut config = Config::default();
    config.sandbox.aot_dir = String::new();
    config.library.compiler = env!("CARGO_BIN_EXE_hyfunc").into();
    commands::bench(config, args).await.unwrap()
}

/// Names and sizes of a part's rows, in order.
fn rows(part: &Json) -> Vec<(&str, Option<u64>)> {
    let rows = part["rows"].as_array().unwrap();
    rows.iter().map(|row| (row["name"].as_str().unwrap(), row["at"]["count"].as_u64())).collect()
}

fn row<'a>(part: &'a Json, name: &str) -> &'a Json {
    let mut rows = part["rows"].as_array().unwrap().iter();
    rows.find(|row| row["name"] == name).unwrap_or_else(|| panic!("no row {name} in {part}"))
}

fn assert_times(row: &Json) {
    let times = &row["times"];
    let number = |key: &str| times[key].as_f64().unwrap_or_else(|| panic!("no {key} in {row}"));
    assert!(number("samples") >= 1.0, "{row}");
    let (p50, p95, p99) = (number("p50_us"), number("p95_us"), number("p99_us"));
    assert!(0.0 <= p50 && p50 <= p95 && p95 <= p99, "{row}");
    assert!(number("per_second") > 0.0, "{row}");
}

fn assert_ratio(row: &Json, beside: &str) {
    assert_eq!(row["ratio"]["beside"], beside, "{row}");
    for key in ["per_second", "p50"] {
        assert!(row["ratio"][key].as_f64().is_some_and(|ratio| ratio > 0.0), "{row}");
    }
    assert!(row["ratio"]["p50_more_us"].is_f64(), "{row}");
}

fn assert_request(part: &Json) {
    let steps = ["accept", "distil", "retrieve", "decode", "dispatch", "whole"];
    assert_eq!(rows(part), steps.map(|step| (step, None::<u64>)));
    for step in ["accept", "distil", "retrieve", "decode", "whole"] {
        assert_times(row(part, step));
        let floor = &row(part, step)["floor"];
        for key in ["bytes", "us"] {
            assert!(floor[key].as_f64().is_some_and(|value| value > 0.0), "{step}: {floor}");
        }
    }
    for step in ["distil", "decode", "retrieve", "whole"] {
        assert!(row(part, step)["floor"]["operations"].as_f64().unwrap() > 0.0, "{step}");
    }
    let figures = &row(part, "decode")["figures"];
    for tokens in ["prompt", "injected", "chosen", "sampled", "copied"] {
        assert!(figures[format!("{tokens}_tokens")].is_f64(), "{figures}");
    }
    assert!(row(part, "distil")["figures"]["query_tokens"].as_f64().unwrap() >= 1.0);
}

fn assert_http(part: &Json) {
    let mut expected = vec![("hyfunc-tiny", Some(1u64)), ("hyfunc-tiny", Some(3))];
    expected.push(("hyfunc-tiny, first streamed byte", Some(1)));
    for (bare, own) in [
        ("bare axum, no call", "fixed answer, no call"),
        ("bare axum, one call", "fixed answer, one call"),
    ] {
        for connections in [1, 3] {
            expected.extend([(bare, Some(connections)), (own, Some(connections))]);
        }
    }
    assert_eq!(rows(part), expected);
    for row in part["rows"].as_array().unwrap() {
        assert_times(row);
        assert_eq!(row["at"]["of"], "connections");
        assert!(row["figures"].get("refused").is_none(), "nothing is refused: {row}");
    }
    for own in ["fixed answer, no call", "fixed answer, one call"] {
        assert_ratio(row(part, own), "bare axum");
    }
    let streamed = row(part, "hyfunc-tiny, first streamed byte");
    let last_byte = streamed["figures"]["last_byte_p50_us"].as_f64().unwrap();
    assert!(last_byte >= streamed["times"]["p50_us"].as_f64().unwrap(), "{streamed}");
}

fn assert_overload(part: &Json) {
    let offered = [80, 100, 200, 300].map(|percent| format!("{percent} % of it offered"));
    let mut expected = vec![("capacity", Some(16u64))];
    expected.extend(offered.iter().map(|name| (name.as_str(), None)));
    assert_eq!(rows(part), expected);
    part["rows"].as_array().unwrap().iter().for_each(assert_times);
    for name in &offered {
        assert_ratio(row(part, name), "capacity");
        let figures = &row(part, name)["figures"];
        assert!(figures["offered_per_second"].as_f64().unwrap() > 0.0, "{figures}");
        let answered = row(part, name)["times"]["samples"].as_f64().unwrap();
        assert_eq!(
            answered + figures["refused"].as_f64().unwrap(),
            6.0,
            "each is answered or refused"
        );
        assert!(figures["refused_without_retry_after"].as_f64().unwrap_or(0.0) == 0.0, "{figures}");
    }
}

fn assert_sandbox(part: &Json) {
    let expected =
        [1u64, 3].map(|calls| [("bare wasmtime", Some(calls)), ("sandbox", Some(calls))]);
    assert_eq!(rows(part), expected.concat());
    part["rows"].as_array().unwrap().iter().for_each(assert_times);
    assert_ratio(row(part, "sandbox"), "bare wasmtime");
}

fn assert_retrieval(part: &Json) {
    let ways = ["exact scan", "HNSW graph", "BM25"];
    let expected = [16u64, 64].map(|functions| ways.map(|way| (way, Some(functions))));
    assert_eq!(rows(part), expected.concat());
    for row in part["rows"].as_array().unwrap() {
        assert_times(row);
        let found = row["figures"]["found_at_10"].as_f64().unwrap();
        assert!((0.0..=1.0).contains(&found), "{row}");
    }
    assert_eq!(row(part, "exact scan")["figures"]["recall_at_10"], 1.0);
    assert!(row(part, "HNSW graph")["figures"]["recall_at_10"].as_f64().unwrap() > 0.9);
    assert_ratio(row(part, "HNSW graph"), "exact scan");
}

fn assert_load(part: &Json) {
    let both = ["build the library", "add one function"];
    let expected = [16u64, 64].map(|functions| both.map(|name| (name, Some(functions))));
    assert_eq!(rows(part), expected.concat());
    let figures = &row(part, "build the library")["figures"];
    for name in ["build_ms", "prepare_ms", "index_ms", "functions_per_second", "block_bytes"] {
        assert!(figures[name].as_f64().is_some_and(|value| value > 0.0), "{name}: {figures}");
    }
    #[cfg(target_os = "linux")]
    assert!(figures["resident_bytes"].is_f64(), "{figures}");
    assert_times(row(part, "add one function"));
}

fn assert_library(part: &Json) {
    let published =
        ["publish to the first answered call", "the same, of 1 MB", "the same, compiled before"];
    let called = ["calls, nothing is published", "calls, their plugin is replaced"];
    let published_rows = published.map(|name| (name, None::<u64>));
    let called_rows = called.map(|name| (name, Some(8)));
    assert_eq!(rows(part), [&published_rows[..], &called_rows[..]].concat());
    part["rows"].as_array().unwrap().iter().for_each(assert_times);
    for (name, bytes_min) in published.into_iter().zip([10_000.0, 1e6, 10_000.0]) {
        let bytes = row(part, name)["figures"]["component_bytes"].as_f64().unwrap();
        assert!(bytes >= bytes_min, "{name}: {bytes}");
    }
    let replaced = row(part, called[1]);
    assert_ratio(replaced, called[0]);
    assert_eq!(replaced["figures"]["replaced"], 6.0);
}

fn assert_removals(part: &Json) {
    let expected = [
        ("whole engine", Some(1)),
        ("whole engine", Some(8)),
        ("without kept blocks", Some(1)),
        ("without parallel slots", Some(1)),
        ("without bulk copy", Some(1)),
        ("without batching", Some(8)),
        ("distil, the query alone", Some(1)),
        ("distil, the library read before it", Some(1)),
    ];
    assert_eq!(rows(part), expected);
    for row in part["rows"].as_array().unwrap() {
        assert_times(row);
        let wholes = ["whole engine", "distil, the query alone"];
        let is_whole = wholes.contains(&row["name"].as_str().unwrap());
        assert_eq!(row["figures"]["predicted_more_us"].is_f64(), !is_whole, "{row}");
    }
    assert_ratio(row(part, "without kept blocks"), "whole engine");
    assert_ratio(row(part, "distil, the library read before it"), "distil, the query alone");
}

fn assert_start(part: &Json) {
    let rows = rows(part);
    let names: Vec<&str> = rows.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, [["first start", "later start", "add one plugin"]; 2].concat());
    // As many plugins as it takes to have so many functions.
    for (rows, least) in rows.chunks(3).zip([16, 64]) {
        assert!(rows.iter().all(|(_, count)| *count == rows[0].1), "{rows:?}");
        assert!(rows[0].1.is_some_and(|count| (least..2 * least).contains(&count)), "{rows:?}");
    }
    for name in ["first start", "later start"] {
        let figures = &row(part, name)["figures"];
        for phase in ["start_ms", "models_ms", "plugins_ms", "prepare_ms", "index_ms"] {
            assert!(figures[phase].as_f64().is_some_and(|time| time > 0.0), "{phase}: {figures}");
        }
    }
    // Later nothing is read by the models, and no block was asked for yet.
    let held = |name: &str| row(part, name)["figures"]["held_block_bytes"].as_f64().unwrap();
    assert!(held("first start") > 0.0);
    assert_eq!(held("later start"), 0.0);
    assert_times(row(part, "later start"));
    assert_times(row(part, "add one plugin"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_part_is_measured_and_told_as_json_and_as_a_page() {
    let page = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench.html");
    let args = BenchArgs { json: true, html: Some(page.clone()), ..few(&[]) };
    let json: Json = serde_json::from_str(&run(&args).await).unwrap();
    assert_eq!(json["version"], 1);
    for key in ["date", "cpu", "cores", "system", "build", "versions"] {
        assert!(!json["machine"][key].is_null(), "{key}: {}", json["machine"]);
    }
    for key in ["cached_bytes_per_second", "memory_bytes_per_second", "operations_per_second"] {
        assert!(json["ceilings"][key].as_f64().is_some_and(|rate| rate > 0.0), "{key}");
    }
    assert_eq!(json["models"]["id"], "hyfunc-tiny");
    assert_eq!(json["effort"]["iterations"], 6);
    let parts = json["parts"].as_array().unwrap();
    let names: Vec<&str> = parts.iter().map(|part| part["part"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        [
            "request",
            "http",
            "overload",
            "sandbox",
            "retrieval",
            "load",
            "library",
            "removals",
            "start"
        ]
    );
    assert_request(&parts[0]);
    assert_http(&parts[1]);
    assert_overload(&parts[2]);
    assert_sandbox(&parts[3]);
    assert_retrieval(&parts[4]);
    assert_load(&parts[5]);
    assert_library(&parts[6]);
    assert_removals(&parts[7]);
    assert_start(&parts[8]);

    let page = std::fs::read_to_string(page).unwrap();
    for name in names {
        assert!(page.contains(&format!("<h2 id=\"{name}\">")), "no section {name}");
    }
    assert!(page.matches("<svg").count() >= 5, "a picture a part at least");
    assert!(!page.contains("NaN"), "every number is one");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_part_alone_is_told_as_text() {
    let text = run(&few(&[Part::Sandbox])).await;
    for said in ["machine", "sandbox: ", "p50", "bare wasmtime, 1 at once", "of bare wasmtime"] {
        assert!(text.contains(said), "`{said}` is not in {text}");
    }
    assert!(!text.contains("retrieval:"), "{text}");
}

/// The checkpoint of the parity tests, with room for a whole conversation.
fn checkpoint() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let like = std::path::Path::new("checkpoint/tests/parity/qwen3");
    for file in
        ["model.safetensors", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja"]
    {
        std::fs::copy(like.join(file), folder.path().join(file)).unwrap();
    }
    let config = std::fs::read(like.join("config.json")).unwrap();
    let mut config: Json = serde_json::from_slice(&config).unwrap();
    config["max_position_embeddings"] = 4_096.into();
    std::fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
    folder
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_checkpoint_is_measured_where_it_is_named() {
    let mut config = Config::default();
    config.models.query_tokens_max = 1_024;
    let error = commands::bench(config.clone(), &few(&[Part::Stock])).await.unwrap_err();
    assert!(error.to_string().contains("--checkpoint"), "{error}");

    let folder = checkpoint();
    let args = BenchArgs {
        json: true,
        checkpoint: Some(folder.path().to_owned()),
        weights: Some("q8_0".into()),
        ..few(&[Part::Stock])
    };
    let json = commands::bench(config, &args).await.unwrap();
    let json: Json = serde_json::from_str(&json).unwrap();
    let part = &json["parts"][0];
    assert_eq!(part["part"], "stock");
    for name in ["whole call", "prefill", "injected chunk", "one token", "head, every token"] {
        assert_times(row(part, name));
        assert!(row(part, name)["floor"]["bytes"].as_f64().is_some_and(|bytes| bytes > 0.0));
    }
    // Four values of five digits, however many tokens those are.
    let figures = &row(part, "whole call")["figures"];
    assert!(figures["sampled_tokens"].as_f64().is_some_and(|tokens| tokens >= 8.0), "{figures}");
    assert!(figures["injected_tokens"].as_f64().is_some_and(|tokens| tokens >= 20.0), "{figures}");
    let load = &row(part, "load")["figures"];
    assert!(load["layers_bytes"].as_f64().is_some_and(|bytes| bytes > 0.0), "{load}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gpu_that_cannot_be_measured_is_said_before_anything_is() {
    let args = BenchArgs { device: Some(4095), ..few(&[Part::Sandbox, Part::Gpu]) };
    let error = commands::bench(Config::default(), &args).await.unwrap_err().to_string();
    if cfg!(feature = "cuda") {
        // No driver, an old one, or no such device.
        assert!(error.contains("NVIDIA driver") || error.contains("no cuda:4095"), "{error}");
    } else {
        assert!(error.contains("cuda:4095") && error.contains("--features cuda"), "{error}");
    }
}
