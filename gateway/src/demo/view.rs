//! What the demo prints.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use super::{Answer, Candidate, Paint, PieceKind, Shown};
use crate::clock::micros;
use crate::eval::{Times, ms, written};
use crate::pipeline::Step;

/// What there is to say before the first request.
pub(super) struct Opening<'a> {
    /// Where the gateway listens.
    pub address: SocketAddr,
    /// Name of the models.
    pub model: &'a str,
    /// Functions of the library.
    pub functions: usize,
    /// From the start until it listened.
    pub ready: Duration,
}

/// The gateway, and how to read what follows.
pub(super) fn opening(paint: &Paint, opening: &Opening<'_>) -> String {
    let Opening { address, model, functions, ready } = opening;
    format!(
        "{}\n  on http://{address}: {functions} functions, models {model}, ready in {:.2} s\n\n\
         A call is written along its function's template:\n  {}, {},\n  {}, {}.\n",
        paint.heading("hyfunc, a gateway from words to function calls"),
        ready.as_secs_f64(),
        paint.marked(PieceKind::Injected, "fixed text that no model is asked for"),
        paint.marked(PieceKind::Chosen, "one of a few spellings"),
        paint.marked(PieceKind::Copied, "words of the request"),
        paint.marked(PieceKind::Sampled, "text written token by token"),
    )
}

/// One request and what came of it.
pub(super) fn shown(paint: &Paint, shown: &Shown<'_>, number: usize, count: usize) -> String {
    let Shown { request, answer, took } = shown;
    let title = format!("{number:>2}/{count}  {}", request.query);
    let kind = paint.faint(&format!("({})", request.kind));
    let mut text = format!("\n{}  {kind}\n", paint.heading(&title));
    lines(&mut text, paint, "candidates", candidates(answer));
    lines(&mut text, paint, "template", templates(paint, answer));
    lines(&mut text, paint, "result", answer.content().lines().map(str::to_owned).collect());
    lines(&mut text, paint, "time", vec![times(answer, *took)]);
    if shown.is_right() {
        lines(&mut text, paint, "", vec![paint.verdict(true, "right")]);
    } else {
        let mut wrong = vec![
            paint.verdict(false, "wrong"),
            format!("expected {}", written(&request.calls)),
            format!("found    {}", written(&answer.calls())),
        ];
        let errors = answer.hyfunc.calls.iter().filter_map(|call| call.error.as_ref());
        wrong.extend(errors.map(|error| format!("failed   {error}")));
        lines(&mut text, paint, "", wrong);
    }
    text
}

/// A labelled block; the label stands at its first line only.
fn lines(text: &mut String, paint: &Paint, label: &str, lines: Vec<String>) {
    for (at, line) in lines.iter().enumerate() {
        let label = if at == 0 { label } else { "" };
        let _ = writeln!(text, "  {} {line}", paint.faint(&format!("{label:<11}")));
    }
}

fn candidates(answer: &Answer) -> Vec<String> {
    let candidates = &answer.hyfunc.candidates;
    if candidates.is_empty() {
        return vec!["none is near enough".into()];
    }
    let width = candidates.iter().map(|candidate| candidate.name.len()).max().unwrap_or_default();
    let describe = |candidate: &Candidate| {
        let Candidate { name, origin, score, p_call } = candidate;
        let p_call = p_call.map_or_else(String::new, |p| format!("  call {:>5.1} %", 100.0 * p));
        format!("{name:<width$}  score {score:>6.3}{p_call}  of {origin}")
    };
    candidates.iter().map(describe).collect()
}

fn templates(paint: &Paint, answer: &Answer) -> Vec<String> {
    let calls = &answer.hyfunc.calls;
    if calls.is_empty() {
        return vec!["no call".into()];
    }
    let fill = |pieces: &[super::Piece]| pieces.iter().map(|piece| paint.piece(piece)).collect();
    calls.iter().map(|call| fill(&call.pieces)).collect()
}

fn times(answer: &Answer, took: Duration) -> String {
    let taken = &answer.hyfunc.timings_us;
    let steps = Step::ALL.into_iter().filter_map(|step| {
        taken.get(step.name()).map(|micros| format!("{} {}", step.name(), ms(*micros)))
    });
    let steps = steps.collect::<Vec<_>>().join(", ");
    format!("{steps}; over HTTP {}", ms(micros(took)))
}

/// Times over all requests, how many were right, and what to do next.
pub(super) fn closing(
    paint: &Paint,
    times: &Times,
    right: usize,
    count: usize,
    took: Duration,
) -> String {
    let mut text = format!("\n{}\n", paint.heading("Half of the requests took at most"));
    for step in Step::ALL {
        if let Some(micros) = times.step(step, 0.5) {
            let _ = writeln!(text, "  {:<10} {:>10}", step.name(), ms(micros));
        }
    }
    let whole = ms(times.whole(0.5).unwrap_or_default());
    let _ = writeln!(text, "  {:<10} {whole:>10}  as the client sees it", "over HTTP");
    let verdict = paint.verdict(right == count, &format!("{right} of {count} right"));
    let _ = writeln!(
        text,
        "\n{verdict}, {:.2} s from the start to the last answer\n\n{}\n{NEXT}",
        took.as_secs_f64(),
        paint.heading("Go on")
    );
    text
}

const NEXT: &str = r#"  Serve it:
    hyfunc serve
    curl http://127.0.0.1:8080/v1/chat/completions -H 'content-type: application/json' \
      -d '{"model": "hyfunc-tiny", "messages": [{"role": "user", "content": "how many miles are 3 km?"}]}'
  See what a plugin offers, and call a function without any model:
    hyfunc plugin inspect home
    hyfunc call units_convert '{"value": 3, "from_unit": "km", "to_unit": "mi"}'
  Publish your own: write its WIT, build it for wasm32-wasip2, add its docs (plugins/README.md)
    hyfunc plugin pack target/wasm32-wasip2/release/tides.wasm --wit wit -o tides.wasm
    hyfunc serve --plugin tides.wasm"#;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::demo::DemoRequest;
    use crate::eval::Call;

    fn request(n: u32) -> DemoRequest {
        let call = Call { name: "f".into(), arguments: json!({"n": n}) };
        DemoRequest { kind: "one call".into(), query: "do f 1".into(), calls: vec![call] }
    }

    fn answer() -> Answer {
        serde_json::from_value(json!({
            "choices": [{"message": {"content": "It is done.\nTwice."}}],
            "hyfunc": {
                "candidates": [{"name": "f", "origin": "p", "score": 0.5, "p_call": 0.75}],
                "calls": [{"function": "f", "arguments": {"n": 1}, "pieces": [
                    {"kind": "injected", "text": "<call>f<param>n="},
                    {"kind": "copied", "text": "1"},
                ]}],
                "timings_us": {"accept": 10, "decode": 1500},
            },
        }))
        .unwrap()
    }

    fn text_of(n: u32) -> String {
        let took = Duration::from_millis(2);
        let request = request(n);
        shown(&Paint::new(false), &Shown { request: &request, answer: answer(), took }, 1, 2)
    }

    #[test]
    fn a_request_is_shown_with_everything_that_was_decided() {
        let text = text_of(1);
        for part in [
            " 1/2  do f 1",
            "(one call)",
            "f  score  0.500  call  75.0 %  of p",
            "<call>f<param>n=«1»",
            "It is done.",
            "accept 0.01 ms, decode 1.50 ms; over HTTP 2.00 ms",
            "right",
        ] {
            assert!(text.contains(part), "`{part}` is not in {text}");
        }
        assert!(!text.contains("expected"), "{text}");
    }

    #[test]
    fn a_wrong_answer_is_shown_with_what_was_expected() {
        let text = text_of(2);
        for part in ["wrong", "expected f {\"n\":2}", "found    f {\"n\":1}"] {
            assert!(text.contains(part), "`{part}` is not in {text}");
        }
    }

    #[test]
    fn the_end_counts_honestly_and_says_how_to_go_on() {
        let mut times = Times::default();
        times.add(Step::Decode, 2_500);
        let text = closing(&Paint::new(false), &times, 11, 12, Duration::from_millis(1_500));
        for part in ["11 of 12 right, 1.50 s", "decode", "2.50 ms", "hyfunc serve", "plugin pack"] {
            assert!(text.contains(part), "`{part}` is not in {text}");
        }
    }
}
