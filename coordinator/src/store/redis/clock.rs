//! How far the server's clock is from this machine's, for `baton doctor`. Leases are judged by the server's alone; times in histories are those of
//! whoever writes them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::connection::ask;
use super::{RedisOpenError, RedisOptions, RedisStore, reach, reply, server, settings};

impl RedisStore {
    /// Milliseconds by which the server's clock is ahead of this machine's, give or take half of the time that the question takes.
    pub async fn clock_ahead_ms(options: &RedisOptions) -> Result<i64, RedisOpenError> {
        let server = server(options)?;
        let mut connection = reach(&server).await?;
        let before = now();
        let answer = ask(&mut connection, &redis::cmd("TIME")).await.map_err(|detail| settings::refused(&server, detail))?;
        let middle = before + now().saturating_sub(before) / 2;
        let told = reply::time(&answer).ok_or_else(|| settings::refused(&server, format!("its TIME is {answer:?}")))?;
        Ok(millis(told) - millis(middle))
    }
}

/// Of this machine, since 1970.
fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}
