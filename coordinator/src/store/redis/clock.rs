//! How far the server's clock is from this machine's, for `baton doctor`. Leases are judged by the server's alone; times in histories are those of
//! whoever writes them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::lane::{Lane, Patience};
use super::{RedisOpenError, RedisOptions, RedisStore, reached, reply, settings};

impl RedisStore {
    /// Milliseconds by which the server's clock is ahead of this machine's, give or take half of the time that the question takes. Of several
    /// servers' clocks the one that is the furthest off.
    pub async fn clock_ahead_ms(options: &RedisOptions) -> Result<i64, RedisOpenError> {
        let server = reached(options).await?;
        let lane = Lane::new(server.clone());
        let refused = |detail: String| settings::refused(&server, detail);
        let question = redis::cmd("TIME");
        let time = || lane.everywhere(&question, Patience::CALL);
        // The first question waits for connections.
        time().await.map_err(|error| refused(error.to_string()))?;
        let before = now();
        let answers = time().await.map_err(|error| refused(error.to_string()))?;
        let middle = before + now().saturating_sub(before) / 2;
        let mut worst = 0_i64;
        for answer in answers {
            let told = reply::time(&answer).ok_or_else(|| refused(format!("its TIME is {answer:?}")))?;
            let ahead = millis(told) - millis(middle);
            worst = if ahead.abs() > worst.abs() { ahead } else { worst };
        }
        Ok(worst)
    }
}

/// Of this machine, since 1970.
fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}
