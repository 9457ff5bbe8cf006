//! Progress notifications: one a step, and one at the end.

use std::future::Future;

use rmcp::model::{ProgressNotificationParam, ProgressToken};
use rmcp::service::RequestContext;
use rmcp::{Peer, RoleServer};
use tokio::sync::mpsc::{Receiver, channel};
use tokio::sync::oneshot;

use crate::pipeline::{Arrival, Step};

/// Does the work. A client that sent a `progressToken` hears of every step as it begins; all of it
/// is sent before the result, as the protocol wants. A client that does not read waits for its own
/// news, and no longer than its deadline.
pub async fn reporting<T, F>(
    context: &RequestContext<RoleServer>,
    mut arrival: Arrival,
    steps: &'static [Step],
    work: impl FnOnce(Arrival) -> F,
) -> T
where
    F: Future<Output = T>,
{
    let Some(token) = context.meta.get_progress_token() else { return work(arrival).await };
    // Room for every step: whoever does the work never waits for whoever reads of it.
    let (watcher, begun) = channel(Step::ALL.len());
    let (finish, finished) = oneshot::channel();
    let deadline = arrival.deadline;
    arrival.watcher = Some(watcher);
    let work = async {
        let done = work(arrival).await;
        // Whoever should hear of it is gone: then nobody asks.
        let _ = finish.send(());
        done
    };
    let news = News { peer: &context.peer, token, steps };
    let told = tokio::time::timeout_at(deadline.into(), news.tell(begun, finished));
    let (done, told) = tokio::join!(work, told);
    if told.is_err() {
        tracing::debug!("the client did not read how far its call was");
    }
    done
}

struct News<'a> {
    peer: &'a Peer<RoleServer>,
    token: ProgressToken,
    steps: &'static [Step],
}

impl News<'_> {
    async fn tell(&self, mut begun: Receiver<Step>, mut finished: oneshot::Receiver<()>) {
        loop {
            let step = tokio::select! {
                // Every step first, the end last.
                biased;
                step = begun.recv() => step,
                _ = &mut finished => None,
            };
            let Some(step) = step else { break };
            if let Some(at) = self.steps.iter().position(|known| *known == step) {
                self.say(at, step.name()).await;
            }
        }
        self.say(self.steps.len(), "done").await;
    }

    async fn say(&self, steps_done: usize, what: &str) {
        let progress = ProgressNotificationParam::new(self.token.clone(), steps_done as f64)
            .with_total(self.steps.len() as f64)
            .with_message(what);
        if let Err(error) = self.peer.notify_progress(progress).await {
            tracing::debug!(%error, "the client does not hear how far its call is");
        }
    }
}
