//! A group that reads in order.

use super::{Args, Run, TIMEOUT};
use crate::consumer::{Config, Consumer, Event, Model, Start, TagFilter};
use gantry_scaling::oracle::Sent;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// One member of a group, at work.
pub(super) struct Reader {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Reader {
    /// Joins; reads what is stored from `since` on, in milliseconds since the epoch.
    pub(super) async fn start(args: &Args, run: &Arc<Run>, group: &str, since: i64) -> anyhow::Result<Self> {
        let config = Config {
            topic: args.topic.clone(),
            group: group.to_owned(),
            anonymous: false,
            filter: TagFilter::default(),
            start: Start::Timestamp(since),
            model: Model::Clustering,
            orderly: true,
            until_end: false,
            timeout: TIMEOUT,
        };
        let mut consumer = Consumer::join(config, args.name_servers.connect(TIMEOUT)).await?;
        let (stop, mut stopped) = oneshot::channel();
        let (run, group) = (Arc::clone(run), group.to_owned());
        let task = tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = &mut stopped => break,
                    event = consumer.next() => if let Event::Batch(mut batch) = event {
                        // Whose queue was given away is another member's.
                        let Some(messages) = batch.claim() else { continue };
                        for message in messages {
                            let sent = std::str::from_utf8(&message.body).ok().and_then(Sent::from_body);
                            if let Some(sent) = sent.filter(|sent| run.is_ours(sent)) {
                                run.oracle.lock().received(&group, &sent);
                                run.received.fetch_add(1, Ordering::Relaxed);
                            }
                        }
                        let count = messages.len();
                        batch.finish(count);
                    },
                }
            }
            consumer.leave().await;
        });
        Ok(Self { stop, task })
    }

    pub(super) async fn stop(self) {
        // It ended by itself, if nobody hears.
        let _ = self.stop.send(());
        let _ = self.task.await;
    }
}
