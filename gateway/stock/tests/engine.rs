//! The preset behind its queue.

mod support;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use hyfunc_cascade::{Candidate, CascadeError, DecodeRequest, ModelInfo, ToolChoice};
use hyfunc_functions::Spelling;
use hyfunc_functions::oracle::GoldCall;
use hyfunc_stock::{Embed, Stock};
use serde_json::json;
use support::{Fake, LOOK, Mind, config, decoder, function, text_of};

/// Far longer than what is waited for takes, on any machine.
const SOON: Duration = Duration::from_secs(60);

fn info() -> ModelInfo {
    ModelInfo {
        id: "fake".into(),
        parameters_large: 0,
        parameters_small: 0,
        digest: String::new(),
        retrieval_threshold: 0.0,
    }
}

fn start(encoder: Option<Box<dyn Embed>>, queue_jobs_max: usize) -> (Stock, Fake) {
    let (decoder, fake) = decoder(config(Spelling::Hermes));
    let stock = Stock::start(decoder, encoder, info(), (1, queue_jobs_max)).expect("a thread");
    (stock, fake)
}

async fn asked(stock: &Stock, deadline: Instant) -> DecodeRequest {
    let prepared = stock.prepare(vec![function("now", json!({}))]).await.expect("functions");
    let intent = stock.distil("what time is it", deadline).await.expect("an intent");
    let candidates =
        prepared.iter().map(|one| Candidate { prepared: Arc::clone(one), score: 0.5 }).collect();
    DecodeRequest {
        query: "what time is it".into(),
        earlier: Vec::new(),
        intent,
        candidates,
        choice: ToolChoice::Auto,
        calls_max: 8,
        deadline,
    }
}

fn in_an_hour() -> Instant {
    Instant::now() + Duration::from_secs(3600)
}

#[tokio::test]
async fn a_request_goes_through() {
    let (stock, fake) = start(None, 8);
    let functions = [function("now", json!({}))];
    let gold = [GoldCall { name: "now".into(), arguments: json!({}) }];
    let said = text_of(&functions, Spelling::Hermes, &gold);
    *fake.mind.lock().expect("a mind") = Mind::Says(said);
    let request = asked(&stock, in_an_hour()).await;
    let vector = request.candidates[0].prepared.vector();
    let cosine: f32 = vector.iter().zip(&request.intent.query_vector).map(|(a, b)| a * b).sum();
    assert_eq!(cosine, 0.0, "words alone decide");
    let decoded = stock.decode(request).await.expect("an answer");
    assert_eq!(decoded.calls.len(), 1);
    assert!(Stock::p_call(&decoded) > 0.9);
    assert!(decoded.counts.prompt > 0 && decoded.counts.injected > 0);
    assert!(stock.is_alive());
    assert_eq!(stock.info().id, "fake");
}

#[tokio::test]
async fn an_encoder_gives_vectors_of_unit_length() {
    struct Lengths;
    impl Embed for Lengths {
        fn embed(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, String> {
            Ok(texts.iter().map(|text| vec![text.len() as f32, 4.0, 0.0]).collect())
        }
    }
    struct Broken;
    impl Embed for Broken {
        fn embed(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, String> {
            Ok(texts.iter().map(|_| vec![0.0; 3]).collect())
        }
    }
    let (stock, _) = start(Some(Box::new(Lengths)), 8);
    let intent = stock.distil("abc", in_an_hour()).await.expect("an intent");
    assert_eq!(intent.query_vector, [0.6, 0.8, 0.0]);
    let many = (0..70).map(|_| function("now", json!({}))).collect();
    let prepared = stock.prepare(many).await.expect("functions");
    assert_eq!(prepared.len(), 70);
    let (stock, _) = start(Some(Box::new(Broken)), 8);
    let error = stock.distil("abc", in_an_hour()).await.expect_err("no direction").to_string();
    assert!(error.contains("no direction"), "{error}");
}

#[tokio::test]
async fn deadlines_and_overload_are_told() {
    let (stock, fake) = start(None, 1);
    let request = asked(&stock, in_an_hour()).await;
    let error = stock.distil("late", Instant::now()).await.expect_err("no time");
    assert!(matches!(error, CascadeError::Deadline { step: "distil" }), "{error}");
    *fake.delay.lock().expect("a delay") = Duration::from_millis(300);
    let mut hurried = request.clone();
    hurried.deadline = Instant::now() + Duration::from_millis(50);
    let error = stock.decode(hurried).await.expect_err("too little time");
    assert!(matches!(error, CascadeError::Deadline { step: "decode" }), "{error}");
    *fake.delay.lock().expect("a delay") = Duration::ZERO;
    // Behind it, so that nothing is at work or waits.
    stock.prepare(vec![function("now", json!({}))]).await.expect("functions");
    let held = fake.hold();
    let all = (0..6).map(|_| {
        let (stock, request) = (stock.clone(), request.clone());
        tokio::spawn(async move { stock.decode(request).await })
    });
    let all: Vec<_> = all.collect();
    // One is at work and one waits: nobody else has an answer as long as the model is held.
    let soon = Instant::now() + SOON;
    while all.iter().filter(|one| one.is_finished()).count() < 4 && Instant::now() < soon {
        tokio::time::sleep(LOOK).await;
    }
    drop(held);
    let mut shed = 0;
    for one in all {
        let answer = one.await.expect("a task");
        shed += usize::from(matches!(answer, Err(CascadeError::Overloaded { .. })));
    }
    // The second, too, where the first was not taken yet when it came.
    assert!((4..=5).contains(&shed), "{shed} of 6 were turned away");
}

#[tokio::test]
async fn a_lost_model_fails_requests_at_once_and_is_not_alive() {
    let (stock, fake) = start(None, 8);
    let request = asked(&stock, in_an_hour()).await;
    assert!(stock.is_alive());
    fake.is_lost.store(true, Ordering::Relaxed);
    let error = stock.decode(request.clone()).await.expect_err("no device").to_string();
    assert!(error.contains("the device is lost"), "{error}");
    // The answer is there before the thread says so.
    let soon = Instant::now() + SOON;
    while stock.is_alive() && Instant::now() < soon {
        tokio::time::sleep(LOOK).await;
    }
    assert!(!stock.is_alive());
    // From then on nobody waits for a model that will not answer.
    for _ in 0..3 {
        let error = stock.decode(request.clone()).await.expect_err("no device");
        assert!(matches!(error, CascadeError::Stopped), "{error}");
        let error = stock.distil("what time is it", in_an_hour()).await.expect_err("no device");
        assert!(matches!(error, CascadeError::Stopped), "{error}");
    }
}
