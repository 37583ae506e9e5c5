//! What all connections have in common.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{Cmd, Value};

/// Pause before the first and the second attempt to connect; it doubles up to [`PAUSE_MAX`].
const PAUSE_MIN: Duration = Duration::from_millis(20);
/// Longest pause between two attempts to connect.
const PAUSE_MAX: Duration = Duration::from_millis(500);

/// One command, without patience. An error is told in the server's words.
pub(super) async fn ask(connection: &mut MultiplexedConnection, command: &Cmd) -> Result<Value, String> {
    match connection.send_packed_command(command).await {
        Ok(Value::ServerError(error)) => Err(error.to_string()),
        Ok(value) => Ok(value),
        Err(error) => Err(error.to_string()),
    }
}

/// Pauses between attempts: longer from one to the next.
#[derive(Debug, Default)]
pub(super) struct Backoff(Duration);

impl Backoff {
    /// How long to wait now.
    pub(super) fn next(&mut self) -> Duration {
        let pause = self.0;
        self.0 = (pause * 2).clamp(PAUSE_MIN, PAUSE_MAX);
        pause
    }

    /// It worked.
    pub(super) fn reset(&mut self) {
        self.0 = Duration::ZERO;
    }
}
