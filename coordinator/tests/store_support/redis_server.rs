//! A Redis server of a test's own.

use std::time::Duration;

use baton_coordinator::store::redis::{RedisOptions, RedisStore};
use baton_local_services::{Folder, Redis};

use super::temp_dir;

/// The server. It ends with this value, and with the process of the test.
pub(crate) struct RedisServer {
    server: Redis,
    pub(crate) port: u16,
}

impl RedisServer {
    /// One that writes every batch to its file before it answers.
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// One with these options on top. What a killed process has written is there when the next one starts: no test needs a real disk for that.
    pub(crate) fn start_with(options: &[&str]) -> Self {
        Self::start_in(Folder::Temporary(temp_dir()), options)
    }

    /// One that writes to a disk, for figures.
    pub(crate) fn start_on_disk(options: &[&str]) -> Self {
        Self::start_in(Folder::temporary().expect("a folder can be made"), options)
    }

    fn start_in(folder: Folder, options: &[&str]) -> Self {
        let options: Vec<_> = ["--appendfsync", "always", "--loglevel", "warning"].iter().chain(options).copied().collect();
        let server = Redis::start_with(folder, &options).unwrap_or_else(|error| panic!("{error}"));
        Self { port: server.port(), server }
    }

    /// Starts the server that was killed, on its port and its folder.
    pub(crate) fn start_again(&mut self) {
        self.server.restart().unwrap_or_else(|error| panic!("{error}"));
    }

    /// kill -9.
    pub(crate) fn kill(&mut self) {
        self.server.kill();
    }

    /// Lets it stand still: connections stay, and nobody answers.
    pub(crate) fn pause(&self) {
        self.server.pause();
    }

    /// Lets it go on.
    pub(crate) fn resume(&self) {
        self.server.resume();
    }

    pub(crate) fn url(&self) -> String {
        self.server.url()
    }

    /// Changes one of its settings.
    pub(crate) fn set(&self, name: &str, value: &str) {
        let done: String = self.ask(redis::cmd("CONFIG").arg("SET").arg(name).arg(value));
        assert_eq!(done, "OK");
    }

    /// What it answers to a command.
    pub(crate) fn ask<T: redis::FromRedisValue>(&self, command: &redis::Cmd) -> T {
        let client = redis::Client::open(self.url()).expect("this is an address");
        let mut connection = client.get_connection().expect("the server runs");
        command.query(&mut connection).expect("the server does as it is told")
    }

    /// Waits until this server, which follows `primary`, has all that stands there.
    pub(crate) async fn has_caught_up_with(&self, primary: &RedisServer) {
        let offset = |server: &RedisServer| -> Option<String> {
            let info: String = server.ask(redis::cmd("INFO").arg("replication"));
            let is_behind = info.contains("role:slave") && !info.contains("master_link_status:up");
            let name = if info.contains("role:slave") { "slave_repl_offset:" } else { "master_repl_offset:" };
            let offset = info.lines().find_map(|line| line.strip_prefix(name)).filter(|_| !is_behind);
            offset.map(str::to_owned)
        };
        for _ in 0..1500 {
            let (here, there) = (offset(self), offset(primary));
            if here.is_some() && here == there && here.as_deref() != Some("0") {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("the replica does not follow");
    }

    /// How tests open a store of 8 shards here.
    pub(crate) fn options(&self) -> RedisOptions {
        options(self.port)
    }

    pub(crate) async fn open(&self) -> RedisStore {
        RedisStore::connect(self.options()).await.expect("a store can be opened")
    }
}

/// With a lease so short that a test can wait for its end.
pub(crate) fn options(port: u16) -> RedisOptions {
    RedisOptions { shard_count: Some(8), lease: Duration::from_millis(400), ..RedisOptions::at(format!("redis://127.0.0.1:{port}")) }
}
