//! Requests while the library changes: none is dropped, none sees two revisions.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::json;

use crate::models::until;
use crate::support::{Gateway, component, start, start_with};

/// Swaps while requests go on.
const SWAPS: usize = 50;

/// Clients that ask without a pause.
const CLIENTS: usize = 4;

/// Every request calls two functions of one plugin; both must be of one revision.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_fails_or_mixes_during_fifty_swaps() {
    let root = tempfile::tempdir().unwrap();
    let calls = vec![("tides_first", json!({})), ("tides_second", json!({}))];
    let gateway = Arc::new(start_with(root.path(), calls, |_| {}).await);
    let revisions = [component("tides", 1), component("tides", 2)];
    assert_eq!(gateway.publish("tides", &revisions[0]).await.status, 201);

    let stop = Arc::new(AtomicBool::new(false));
    let seen = Arc::new([const { AtomicUsize::new(0) }; 2]);
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let (gateway, stop, seen) =
                (Arc::clone(&gateway), Arc::clone(&stop), Arc::clone(&seen));
            tokio::spawn(async move {
                while !stop.load(Ordering::SeqCst) {
                    let answer = gateway.chat().await;
                    assert_eq!(answer.status, 200, "{answer:?}");
                    let calls = answer.json["hyfunc"]["calls"].as_array().unwrap();
                    let results: Vec<_> =
                        calls.iter().map(|call| call["result"].as_u64().unwrap()).collect();
                    assert_eq!(results.len(), 2, "{answer:?}");
                    assert_eq!(results[0], results[1], "{answer:?}");
                    seen[usize::try_from(results[0]).unwrap() - 1].fetch_add(1, Ordering::SeqCst);
                }
            })
        })
        .collect();
    for swap in 1..=SWAPS {
        let revision = &revisions[swap % 2];
        let publication = gateway.put("tides", revision).header("x-hyfunc-allow-downgrade", "true");
        let answer = gateway.send(publication).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        // Whoever asks after the answer gets the new one.
        assert_eq!(gateway.revision("tides_first").await, (swap % 2 + 1) as u64);
        // The clients have had it once, too, however slowly they ask.
        let has_been = async || seen[swap % 2].load(Ordering::SeqCst) > 0;
        until("the clients see it", has_been).await;
    }
    stop.store(true, Ordering::SeqCst);
    for client in clients {
        client.await.unwrap();
    }
    let seen = seen.each_ref().map(|count| count.load(Ordering::SeqCst));
    assert!(seen.iter().all(|count| *count > 0), "one revision was never seen: {seen:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_at_work_finish_on_their_revision() {
    let root = tempfile::tempdir().unwrap();
    let gateway = Arc::new(start(root.path()).await);
    gateway.publish("tides", &component("tides", 1)).await;
    // Compiled before, so that the swap comes while the call is at work.
    gateway.publish("tides", &component("tides", 2)).await;
    let back = gateway.put("tides", &component("tides", 1));
    gateway.send(back.header("x-hyfunc-allow-downgrade", "true")).await;
    let before = asked(&gateway).await;
    let at_work = {
        let gateway = Arc::clone(&gateway);
        tokio::spawn(async move { gateway.revision("tides_slow").await })
    };
    until_asked(&gateway, before).await;
    let forth = gateway.put("tides", &component("tides", 2));
    let forth = gateway.send(forth.header("x-hyfunc-allow-downgrade", "true")).await;
    assert_eq!(forth.status, 200, "{forth:?}");
    assert_eq!(gateway.revision("tides_first").await, 2);
    assert_eq!(at_work.await.unwrap(), 1);

    // A plugin that is removed finishes as well.
    let before = asked(&gateway).await;
    let at_work = {
        let gateway = Arc::clone(&gateway);
        tokio::spawn(async move { gateway.revision("tides_slow").await })
    };
    until_asked(&gateway, before).await;
    assert_eq!(gateway.remove("tides").await.status, 204);
    assert_eq!(at_work.await.unwrap(), 2);
}

/// How many requests have their snapshot, which is when they are among the recent ones.
async fn asked(gateway: &Gateway) -> usize {
    let url = format!("{}/v1/recent", gateway.base);
    let recent = gateway.send(gateway.client.get(url)).await;
    recent.json["data"].as_array().unwrap().len()
}

/// Until another request has its snapshot, at work or already done.
async fn until_asked(gateway: &Gateway, before: usize) {
    until("another call is at work", async || asked(gateway).await > before).await;
}

/// Other plugins come, change and go; this one is never disturbed and keeps its functions.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn others_are_not_disturbed() {
    let root = tempfile::tempdir().unwrap();
    let gateway = start_with(root.path(), vec![("tides_first", json!({}))], |_| {}).await;
    gateway.publish("tides", &component("tides", 9)).await;
    for round in 1..=3 {
        let answer = gateway.publish("moon", &component("moon", round)).await;
        assert!(matches!(answer.status, 200 | 201), "{answer:?}");
        assert_eq!(gateway.publish("stars", &component("stars", round)).await.status, 201);
        let chat = gateway.chat().await;
        assert_eq!(chat.json["hyfunc"]["calls"][0]["result"], 9, "{chat:?}");
        assert_eq!(gateway.revision("moon_first").await, u64::from(round));
        assert_eq!(gateway.remove("stars").await.status, 204);
        assert_eq!(gateway.revision("tides_second").await, 9);
    }
}
