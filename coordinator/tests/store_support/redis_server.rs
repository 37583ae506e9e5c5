//! A Redis server of a test's own: on a free port of this machine, with a folder that goes with it.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use baton_coordinator::store::redis::{RedisOptions, RedisStore};

use super::temp_dir;

/// The server. It ends with this value, and with the thread that started it.
pub(crate) struct RedisServer {
    process: Option<Child>,
    pub(crate) port: u16,
    settings: Vec<(String, String)>,
    dir: tempfile::TempDir,
}

impl RedisServer {
    /// One that writes every batch to its disk before it answers.
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// One with these settings on top.
    pub(crate) fn start_with(settings: &[(&str, &str)]) -> Self {
        let usual = [("save", ""), ("appendonly", "yes"), ("appendfsync", "always"), ("loglevel", "warning")];
        let mut settings: Vec<_> = usual.iter().chain(settings).map(|(name, value)| (name.to_string(), value.to_string())).collect();
        for _ in 0..5 {
            let mut server = Self { process: None, port: free_port(), settings, dir: temp_dir() };
            if server.try_start() {
                return server;
            }
            settings = std::mem::take(&mut server.settings);
        }
        panic!("no redis-server could be started on a free port");
    }

    /// Starts the server that was killed, on its port and its folder.
    pub(crate) fn start_again(&mut self) {
        assert!(self.process.is_none(), "the server runs");
        assert!(self.try_start(), "the server starts again");
    }

    /// Whether it answers. It does not if somebody else has taken the port meanwhile.
    fn try_start(&mut self) -> bool {
        let mut command = command();
        command.args(["--port", &self.port.to_string(), "--bind", "127.0.0.1", "--dir"]).arg(self.dir.path());
        for (name, value) in &self.settings {
            command.arg(format!("--{name}")).arg(value);
        }
        let process =
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("redis-server can be started");
        self.process = Some(process);
        let until = Instant::now() + Duration::from_secs(20);
        while Instant::now() < until {
            if self.answers() {
                return true;
            }
            let process = self.process.as_mut().expect("it was started");
            if process.try_wait().expect("a child can be waited for").is_some() {
                self.process = None;
                return false;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("redis-server does not answer");
    }

    fn answers(&self) -> bool {
        let Ok(mut stream) = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)) else { return false };
        let mut answer = [0; 7];
        stream.write_all(b"PING\r\n").is_ok() && stream.read_exact(&mut answer).is_ok() && answer == *b"+PONG\r\n"
    }

    /// Ends it as a loss of power would, apart from what the system still writes to the disk.
    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().expect("the process is ours");
            process.wait().expect("a child can be waited for");
        }
    }

    /// Its process, while it runs.
    pub(crate) fn pid(&self) -> u32 {
        self.process.as_ref().expect("the server runs").id()
    }

    pub(crate) fn url(&self) -> String {
        url(self.port)
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

    /// How tests open a store of 8 shards here: with a lease so short that they can wait for its end.
    pub(crate) fn options(&self) -> RedisOptions {
        options(self.port)
    }

    pub(crate) async fn open(&self) -> RedisStore {
        RedisStore::connect(self.options()).await.expect("a store can be opened")
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}

pub(crate) fn options(port: u16) -> RedisOptions {
    RedisOptions { shard_count: Some(8), lease: Duration::from_millis(400), ..RedisOptions::at(url(port)) }
}

fn url(port: u16) -> String {
    format!("redis://127.0.0.1:{port}")
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("there is a free port");
    listener.local_addr().expect("a listener has an address").port()
}

/// The server's program, so that it does not outlive a test that is killed.
fn command() -> Command {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let has = |program: &str| std::env::split_paths(&path).any(|folder| folder.join(program).is_file());
    assert!(has("redis-server"), "redis-server is not installed: run scripts/services.sh");
    if !has("setpriv") {
        return Command::new("redis-server");
    }
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "redis-server"]);
    command
}
