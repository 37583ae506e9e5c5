//! Where a server runs.

use crate::LOOPBACK;

/// Where a server runs: on loopback of this process's network, unless said otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The address that it listens on, which this process reaches.
    pub host: String,
    /// What its command is put behind, to run in another network: `nsenter --net=FILE`, say. It must become the program that it is given.
    pub entrance: Vec<String>,
}

impl Default for Place {
    fn default() -> Self {
        Self { host: LOOPBACK.to_owned(), entrance: Vec::new() }
    }
}

impl Place {
    pub(crate) fn is_loopback(&self) -> bool {
        self.host == LOOPBACK
    }
}
