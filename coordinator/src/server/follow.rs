//! Following one execution: its public events with their ids, as JSON.

use std::collections::VecDeque;

use tokio_util::sync::CancellationToken;

use crate::api::{Api, ApiError, EventRenderer};
use crate::cluster::Watch;

/// The public events of an execution from some place on, until its last one.
pub(super) struct Follower {
    watch: Watch,
    renderer: EventRenderer,
    /// Rendered and not given out yet.
    ready: VecDeque<(u64, String)>,
    /// Id of the last event that was read.
    last_id: u64,
    /// Events up to this one are left out.
    seen: u64,
    closing: CancellationToken,
}

impl Follower {
    /// Follows the execution with this ARN from behind the event `seen`.
    pub(super) async fn begin(api: &Api, arn: &str, seen: u64) -> Result<Self, ApiError> {
        let (watch, renderer) = api.watch_execution(arn).await?;
        Ok(Self { watch, renderer, ready: VecDeque::new(), last_id: 0, seen, closing: api.closing().clone() })
    }

    /// The next event's id and JSON; `None` after the last one, or when the reader is so slow that it has to begin again.
    pub(super) async fn next(&mut self) -> Option<(u64, String)> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            let events = tokio::select! {
                events = self.watch.next() => events?,
                () = self.closing.cancelled() => return None,
            };
            for event in events {
                if event.kind.is_public() {
                    self.last_id += 1;
                    if self.last_id > self.seen {
                        self.ready.push_back((self.last_id, self.renderer.render(self.last_id, &event)));
                    }
                }
            }
        }
    }
}
