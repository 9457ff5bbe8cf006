//! `kill -9` of a gateway in the midst of a publication: the next start serves the old revision or
//! the new one, whole. `crash.rs` does the same to the registry alone, far more often.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::process::Gateway;
use crate::support::{component, digest};

/// When it is killed, in hundredths of the time that the publication before took.
const MOMENTS: [u32; 4] = [10, 50, 85, 97];
const PATIENCE: Duration = Duration::from_secs(60);

/// Publishes one revision after another until nobody answers; `done` is the last that was confirmed.
async fn publish(gateway: Arc<Gateway>, done: Arc<AtomicU32>) {
    for number in done.load(Ordering::SeqCst) + 1.. {
        let request = gateway.put("tides", component("tides", number));
        let Ok(answer) = request.send().await else { return };
        assert!(answer.status().is_success(), "{number}: {answer:?}");
        done.store(number, Ordering::SeqCst);
    }
}

/// Waits until one more is confirmed.
async fn one_more(done: &AtomicU32) {
    let (before, began) = (done.load(Ordering::SeqCst), Instant::now());
    while done.load(Ordering::SeqCst) == before {
        assert!(began.elapsed() < PATIENCE, "nothing is published after {before}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_is_killed_serves_the_old_revision_or_the_new_one() {
    let root = tempfile::tempdir().unwrap();
    let done = Arc::new(AtomicU32::new(0));
    let mut gateway = Arc::new(Gateway::start(root.path(), "").await);
    for moment in MOMENTS {
        let before = done.load(Ordering::SeqCst);
        let publishing = tokio::spawn(publish(Arc::clone(&gateway), Arc::clone(&done)));
        one_more(&done).await;
        let began = Instant::now();
        one_more(&done).await;
        tokio::time::sleep(began.elapsed() * moment / 100).await;
        gateway.kill();
        publishing.await.unwrap();
        let last = done.load(Ordering::SeqCst);
        assert!(last >= before + 2, "{last} after {before}");

        gateway = Arc::new(Gateway::start(root.path(), "").await);
        let number = gateway.call("tides_first").await.as_u64().unwrap();
        let number = u32::try_from(number).unwrap();
        // What was confirmed is there; the next one is there whole, or not at all.
        assert!([last, last + 1].contains(&number), "{number} after {last}, {moment}");
        let shown = gateway.show("tides").await;
        let serving = format!("sha256:{}", digest(&component("tides", number)));
        assert_eq!(shown["serving"]["digest"], serving.as_str(), "{moment}: {shown:#}");
        assert!(shown["waiting"].is_null(), "{moment}: {shown:#}");
        assert_eq!(gateway.call("tides_second").await, number, "{moment}");
        done.store(number, Ordering::SeqCst);
    }
}
