//! Who may be a worker: whoever shows one of the tokens that the operator has given out.

use std::fmt;

use sha2::{Digest, Sha256};
use tonic::Status;
use tonic::metadata::MetadataMap;

/// Header that carries the token, and what stands before it.
const HEADER: &str = "authorization";
const SCHEME: &str = "Bearer ";

/// Tokens of workers, of which any one will do. They are kept as digests only; comparing these tells nothing of the tokens by how long it takes.
#[derive(Clone, Default)]
pub struct WorkerTokens(Vec<[u8; 32]>);

impl WorkerTokens {
    /// These. Without any, every worker is let in.
    pub fn new<'a>(tokens: impl IntoIterator<Item = &'a str>) -> Self {
        Self(tokens.into_iter().map(digest).collect())
    }

    /// Lets a caller in, or says why not.
    pub(super) fn admit(&self, metadata: &MetadataMap) -> Result<(), Status> {
        if self.0.is_empty() {
            return Ok(());
        }
        let shown = metadata.get(HEADER).and_then(|value| value.to_str().ok()).and_then(|value| value.strip_prefix(SCHEME));
        match shown.map(digest) {
            None => Err(Status::unauthenticated("this coordinator lets in only workers with a token")),
            Some(digest) if self.0.contains(&digest) => Ok(()),
            Some(_) => Err(Status::unauthenticated("the worker's token is none of this coordinator's")),
        }
    }
}

impl fmt::Debug for WorkerTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} tokens", self.0.len())
    }
}

fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token).into()
}
