//! A moto server, which stands in for AWS's services.

use std::net::TcpStream;
use std::time::Duration;

use crate::group::Group;
use crate::{Folder, ServiceError, find_program, free_port};

const READY_PATIENCE: Duration = Duration::from_secs(60);
/// Where `make setup` puts it.
const IN_CHECKOUT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../.venv/bin/moto_server");

/// A moto server on loopback, ended when it is dropped.
#[derive(Debug)]
pub struct Moto {
    port: u16,
    _server: Group,
    // Outlives the server, which writes into it.
    _folder: Folder,
}

impl Moto {
    /// A new one, ready and empty.
    pub fn start() -> Result<Self, ServiceError> {
        let (folder, port) = (Folder::temporary()?, free_port());
        let program = find_program("moto_server", &[IN_CHECKOUT])?.display().to_string();
        let command = [program, "-H".to_owned(), "127.0.0.1".to_owned(), "-p".to_owned(), port.to_string()];
        let mut server = Group::start("moto server", &command, &[], &folder, "output.log")?;
        server.wait_until(|| TcpStream::connect(("127.0.0.1", port)).is_ok(), READY_PATIENCE)?;
        Ok(Self { port, _server: server, _folder: folder })
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}
