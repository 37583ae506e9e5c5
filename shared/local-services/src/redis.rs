//! A Redis.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use rustix::process::Signal;

use crate::group::Group;
use crate::{Folder, Place, ServiceError, find_program, free_port};

const READY_PATIENCE: Duration = Duration::from_secs(30);
const STOP_PATIENCE: Duration = Duration::from_secs(15);

/// A Redis server, on loopback unless another place is asked for, ended when it is dropped. By default it keeps an append-only file that is flushed each second.
#[derive(Debug)]
pub struct Redis {
    folder: Folder,
    place: Place,
    port: u16,
    options: Vec<String>,
    server: Option<Group>,
}

impl Redis {
    /// A new one, ready.
    pub fn start() -> Result<Self, ServiceError> {
        Self::start_with(Folder::temporary()?, &[])
    }

    /// One whose data are, or stay, in this folder, ready. Options are those of the command line, `["--appendfsync", "always"]`; later ones win.
    pub fn start_with(folder: Folder, options: &[&str]) -> Result<Self, ServiceError> {
        Self::start_at(Place::default(), folder, options)
    }

    /// As [`start_with`](Self::start_with), elsewhere than on loopback.
    pub fn start_at(place: Place, folder: Folder, options: &[&str]) -> Result<Self, ServiceError> {
        let options = options.iter().map(|option| (*option).to_owned()).collect();
        let mut server = Self { folder, place, port: free_port(), options, server: None };
        server.restart()?;
        Ok(server)
    }

    /// Starts it again after [`kill`](Self::kill) or [`stop`](Self::stop), with the same port and data; ready when this returns.
    pub fn restart(&mut self) -> Result<(), ServiceError> {
        self.kill();
        let program = find_program("redis-server", &["/usr/bin/redis-server"])?.display().to_string();
        let (folder, port) = (self.folder.path().display().to_string(), self.port.to_string());
        // Nobody else reaches a place that is not loopback; the server would ask for a password there.
        let (host, protected) = (self.place.host.as_str(), if self.place.is_loopback() { "yes" } else { "no" });
        let own = [
            "--port",
            &port,
            "--bind",
            host,
            "--protected-mode",
            protected,
            "--dir",
            &folder,
            "--daemonize",
            "no",
            "--save",
            "",
            "--appendonly",
            "yes",
        ];
        let own = own.iter().map(|option| (*option).to_owned());
        let command: Vec<String> =
            self.place.entrance.iter().cloned().chain([program]).chain(own).chain(self.options.iter().cloned()).collect();
        let mut server = Group::start("Redis", &command, &[], &self.folder, "output.log")?;
        server.wait_until(|| answers_ping(host, self.port), READY_PATIENCE)?;
        self.server = Some(server);
        Ok(())
    }

    /// kill -9.
    pub fn kill(&mut self) {
        self.server = None;
    }

    /// Lets it end in order.
    pub fn stop(&mut self) {
        if let Some(server) = self.server.take() {
            server.stop(STOP_PATIENCE);
        }
    }

    /// Whether its process is there.
    pub fn is_running(&mut self) -> bool {
        self.server.as_mut().is_some_and(Group::is_running)
    }

    /// Takes all time from it, until [`resume`](Self::resume): connections stay, and nobody answers.
    pub fn pause(&self) {
        self.signal(Signal::STOP);
    }

    /// Ends a [`pause`](Self::pause).
    pub fn resume(&self) {
        self.signal(Signal::CONT);
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// As `--store` takes it.
    pub fn url(&self) -> String {
        format!("redis://{}:{}", self.place.host, self.port)
    }

    /// Its data and log.
    pub fn folder(&self) -> &Folder {
        &self.folder
    }

    /// Its process; `None` while it is killed or stopped.
    pub fn pid(&self) -> Option<u32> {
        self.server.as_ref().map(Group::pid)
    }

    fn signal(&self, signal: Signal) {
        if let Some(server) = &self.server {
            server.signal(signal);
        }
    }
}

/// Ready is who says PONG: a server that still loads its data answers with an error.
pub(crate) fn answers_ping(host: &str, port: u16) -> bool {
    let ping = || {
        let mut stream = TcpStream::connect((host, port))?;
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        stream.write_all(b"PING\r\n")?;
        let mut answer = [0; 5];
        stream.read_exact(&mut answer)?;
        Ok::<bool, std::io::Error>(answer == *b"+PONG")
    };
    ping().unwrap_or(false)
}
