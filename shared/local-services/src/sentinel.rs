//! A Redis Sentinel.

use std::time::Duration;

use crate::group::Group;
use crate::redis::answers_ping;
use crate::{Folder, LOOPBACK, ServiceError, find_program, free_port};

const READY_PATIENCE: Duration = Duration::from_secs(30);

/// Watches a Redis on loopback and promotes a replica of it when it is gone. It ends when it is dropped.
#[derive(Debug)]
pub struct RedisSentinel {
    port: u16,
    /// Ends with it, and goes with it.
    _server: Group,
    _folder: Folder,
}

impl RedisSentinel {
    /// One that watches the server at `port` under this name. So many sentinels have to agree that it is gone, after it has been silent for `down_after`.
    pub fn start(name: &str, port: u16, quorum: usize, down_after: Duration) -> Result<Self, ServiceError> {
        Self::start_with(name, port, quorum, down_after, &[])
    }

    /// As [`start`](Self::start), with further lines of its configuration: `["tls-port 7000", …]`.
    pub fn start_with(name: &str, port: u16, quorum: usize, down_after: Duration, lines: &[String]) -> Result<Self, ServiceError> {
        let program = find_program("redis-server", &["/usr/bin/redis-server"])?.display().to_string();
        let (folder, own_port, down_ms) = (Folder::temporary()?, free_port(), down_after.as_millis());
        let file = folder.path().join("sentinel.conf");
        let settings = format!(
            "port {own_port}\nbind {LOOPBACK}\ndir {dir}\nsentinel monitor {name} {LOOPBACK} {port} {quorum}\n\
             sentinel down-after-milliseconds {name} {down_ms}\nsentinel failover-timeout {name} {timeout_ms}\n\
             {lines}\n",
            dir = folder.path().display(),
            timeout_ms = 4 * down_ms,
            lines = lines.join("\n"),
        );
        std::fs::write(&file, settings).map_err(ServiceError::io(file.display().to_string()))?;
        let command = [program, file.display().to_string(), "--sentinel".to_owned()];
        let mut server = Group::start("Redis Sentinel", &command, &[], &folder, "output.log")?;
        server.wait_until(|| answers_ping(LOOPBACK, own_port), READY_PATIENCE)?;
        Ok(Self { port: own_port, _server: server, _folder: folder })
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }
}
