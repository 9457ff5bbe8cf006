//! The weather, asked of a server on loopback: with a grant for that host alone, without one, and
//! where the server answers with something else.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod support;

use std::sync::{Arc, Mutex};

use hyfunc_functions::{Type, Value, json};
use hyfunc_sandbox::{Grants, OutcomeResult, Plugin, Sandbox};
use serde_json::{Value as Json, json};
use support::{call_json, context, function, small};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const CURRENT: &str = include_str!("../../../plugins/weather/samples/current.json");
const DAILY: &str = include_str!("../../../plugins/weather/samples/daily.json");

/// What comes of a report that breaks off.
const CUT_BYTES: usize = 100;

/// What is asked of both functions.
const CALLS: [(&str, &str); 2] = [("current", "Bergen"), ("forecast", "Denver")];

/// Stands where the weather service would; it remembers the first line of each request.
struct Service {
    port: u16,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Service {
    /// Answers every request with what this makes of its first line.
    async fn start(answer: impl Fn(&str) -> String + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let line = first_line(&mut stream).await;
                let answer = answer(&line);
                seen.lock().unwrap().push(line);
                // A client that is gone has no use for the rest.
                let _ = stream.write_all(answer.as_bytes()).await;
                let _ = stream.shutdown().await;
            }
        });
        Self { port, asked }
    }

    /// The plugin, configured for this service.
    fn plugin(&self, hosts: &str) -> Plugin {
        let port = self.port;
        let grants = format!(
            "[http]\nhosts = [{hosts}]\n[config]\nkeys = {{ base_url = \"http://127.0.0.1:{port}\" }}"
        );
        let bundled = hyfunc_plugins::bundled().iter().find(|bundled| bundled.name == "weather");
        let grants = Grants::parse(&grants).unwrap();
        Sandbox::new(small()).unwrap().load("weather", bundled.unwrap().component, &grants).unwrap()
    }

    /// The grant without which nothing is asked.
    fn grant(&self) -> String {
        let port = self.port;
        format!(
            "{{ host = \"127.0.0.1\", port = {port}, allow_private = true, allow_plain = true }}"
        )
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

async fn first_line(stream: &mut TcpStream) -> String {
    let mut request = Vec::new();
    let mut chunk = [0; 1024];
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut chunk).await {
            Ok(bytes) if bytes > 0 => request.extend_from_slice(&chunk[..bytes]),
            _ => break,
        }
    }
    String::from_utf8_lossy(&request).lines().next().unwrap_or_default().to_owned()
}

fn answer(status: &str, bytes: usize, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\ncontent-length: {bytes}\r\nconnection: close\r\n\r\n{body}")
}

/// As the service would: from the samples.
fn samples(line: &str) -> String {
    match line {
        line if line.contains("&current=") => answer("200 OK", CURRENT.len(), CURRENT),
        line if line.contains("&daily=") => answer("200 OK", DAILY.len(), DAILY),
        _ => answer("404 Not Found", 0, ""),
    }
}

async fn outcome(plugin: &Plugin, name: &str, arguments: Json) -> OutcomeResult {
    call_json(plugin, name, &arguments, context()).await.unwrap().result
}

/// What a call comes to, as JSON.
async fn told(plugin: &Plugin, name: &str, arguments: Json) -> Json {
    let result = outcome(plugin, name, arguments).await;
    let OutcomeResult::Value(Some(value)) = result else { panic!("{name}: {result:?}") };
    let Some(Type::Result { ok: Some(ty), .. }) = &function(plugin, name).returns else {
        panic!("{name} returns no result")
    };
    json::to_json(ty, &value)
}

/// Why a call comes to nothing.
async fn refusal(plugin: &Plugin, name: &str, city: &str) -> String {
    match outcome(plugin, name, json!({ "city": city })).await {
        OutcomeResult::ToolError(Some(Value::String(reason))) => reason,
        other => panic!("{name} was not refused: {other:?}"),
    }
}

#[tokio::test]
async fn without_a_grant_nothing_is_asked_and_the_host_is_named() {
    let service = Service::start(samples).await;
    let port = service.port;
    let other = port.wrapping_add(1).max(1);
    let private = "allow_private = true";
    for hosts in [
        String::new(),
        // One that falls short of it: another port, not private, not plain, another method.
        format!("{{ host = \"127.0.0.1\", port = {other}, {private}, allow_plain = true }}"),
        format!("{{ host = \"127.0.0.1\", port = {port}, allow_plain = true }}"),
        format!("{{ host = \"127.0.0.1\", port = {port}, {private} }}"),
        service.grant().replace("allow_plain", "methods = [\"POST\"], allow_plain"),
    ] {
        let plugin = service.plugin(&hosts);
        for (name, city) in CALLS {
            let reason = refusal(&plugin, name, city).await;
            let named = format!("may not reach 127.0.0.1:{port}: approve GET");
            assert!(reason.contains(&named), "{name} with `{hosts}`: {reason}");
        }
    }
    assert!(service.asked().is_empty(), "{:?}", service.asked());
}

#[tokio::test]
async fn with_a_grant_for_its_host_both_functions_tell_the_weather() {
    let service = Service::start(samples).await;
    let plugin = service.plugin(&service.grant());
    let current = told(&plugin, "current", json!({ "city": "Bergen" })).await;
    let expected = json!({
        "place": "Bergen", "sky": "light rain", "temperature": 7.3, "feels_like": 4.1,
        "humidity": 91, "wind": 18.4, "units": "metric",
    });
    assert_eq!(current, expected);
    let arguments = json!({ "city": "Denver", "days": 2, "units": "imperial" });
    let days = json!([
        {
            "date": "2026-03-01", "sky": "a clear sky", "low": 28.4, "high": 51.2,
            "rain_chance": 3, "rain": 0.0,
        },
        { "date": "2026-03-02", "sky": "heavy snow", "low": 19.0, "high": 33.6, "rain": 0.87 },
    ]);
    let forecast = told(&plugin, "forecast", arguments).await;
    assert_eq!(forecast, json!({ "place": "Denver", "units": "imperial", "days": days }));

    let asked = service.asked();
    assert_eq!(asked.len(), 2, "{asked:?}");
    for (line, parts) in asked.iter().zip([
        ["GET /v1/forecast?latitude=60.393&longitude=5.324&", "&current=temperature_2m"],
        ["GET /v1/forecast?latitude=39.739&longitude=-104.985&", "&forecast_days=2&"],
    ]) {
        assert!(parts.iter().all(|part| line.contains(part)), "{line}");
    }
    assert!(asked[1].contains("&temperature_unit=fahrenheit"), "{}", asked[1]);
}

#[tokio::test]
async fn what_is_no_weather_report_is_told_as_such() {
    let out_of_order = r#"{"error": true, "reason": "out of order"}"#;
    let cut = |body: &str| answer("200 OK", body.len(), &body[..CUT_BYTES]);
    let whole = |status: &str, body: &str| answer(status, body.len(), body);
    for (answered, told) in [
        (whole("200 OK", ""), "no weather report"),
        (whole("200 OK", "<html>hello"), "no weather report"),
        (whole("200 OK", r#"{"current": null, "daily": 3}"#), "no weather report"),
        // Whole as HTTP has it, and a part of a report.
        (whole("200 OK", &DAILY[..CUT_BYTES]), "no weather report"),
        (whole("200 OK", &" ".repeat(300 * 1024)), "is longer than 262144 bytes"),
        (whole("500 Internal Server Error", "oops"), "answered with status 500"),
        (whole("500 Internal Server Error", out_of_order), "status 500: out of order"),
        (whole("429 Too Many Requests", ""), "asked too often"),
        (cut(CURRENT), "broke off"),
        (cut(DAILY), "broke off"),
        ("HTTP/1.1 200 OK\r\ncontent-le".to_owned(), "asking 127.0.0.1:"),
        ("nonsense\r\n\r\n".to_owned(), "asking 127.0.0.1:"),
        (String::new(), "asking 127.0.0.1:"),
    ] {
        let head = answered.chars().take(80).collect::<String>();
        let service = Service::start(move |_| answered.clone()).await;
        let plugin = service.plugin(&service.grant());
        for (name, city) in CALLS {
            let reason = refusal(&plugin, name, city).await;
            assert!(reason.contains(told), "{name} with {head:?}: {reason}");
        }
        assert_eq!(service.asked().len(), CALLS.len(), "{head:?}");
    }
}
