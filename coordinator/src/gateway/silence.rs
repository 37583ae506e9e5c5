//! When a worker that says nothing is lost.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use tokio::time::timeout;

use crate::dispatch::GRACE;

/// Silence is counted in pieces of this length.
const TICK: Duration = Duration::from_secs(1);
/// A worker that has said nothing for so many of them is lost with all that it holds.
const TICKS: u32 = GRACE.as_secs() as u32;

/// What comes, unless nothing does for too long.
pub(super) async fn unless_silent<T>(coming: impl Future<Output = T>) -> Option<T> {
    unless_silent_for(TICK, TICKS, coming).await
}

/// Counts pieces of time, not time: while this process is stopped (a debugger, a machine that is suspended) nobody can be heard, and of all
/// that time only the piece counts in which it was stopped.
async fn unless_silent_for<T>(tick: Duration, ticks: u32, coming: impl Future<Output = T>) -> Option<T> {
    let mut coming = pin!(coming);
    for _ in 0..ticks {
        if let Ok(came) = timeout(tick, coming.as_mut()).await {
            return Some(came);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_millis(50);

    #[tokio::test]
    async fn whoever_says_nothing_is_lost() {
        assert_eq!(unless_silent_for(SHORT, 3, std::future::pending::<()>()).await, None);
        assert_eq!(unless_silent_for(SHORT, 3, std::future::ready(1)).await, Some(1));
    }

    #[tokio::test]
    async fn while_nobody_can_be_heard_silence_is_not_counted() {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let heard = tokio::spawn(unless_silent_for(SHORT, 4, receiver));
        tokio::task::yield_now().await;
        // Nothing else runs on this runtime meanwhile.
        std::thread::sleep(10 * SHORT);
        tokio::time::sleep(SHORT / 2).await;
        let _ = sender.send(());
        assert!(heard.await.expect("no panic").is_some());
    }
}
