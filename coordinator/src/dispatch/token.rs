//! Task tokens: what names an attempt of a task outside, readable by us alone.
//!
//! A token is sealed with XChaCha20-Poly1305. It holds no secret and grants nothing by age: what it names is compared with the execution's
//! state, so a stolen token of a task that is over is useless. Its nonce is derived from the key and the content, so that the same
//! task has the same token wherever it is made.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use baton_engine::TaskRef;
use bytes::Bytes;
use chacha20poly1305::aead::{AeadInOut, KeyInit};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use sha2::{Digest, Sha256};

use crate::shard::ExecutionId;

const VERSION: u8 = 1;
const NONCE: usize = 24;
const TAG: usize = 16;
/// Version, shape, execution, entry, attempt, claim.
const CONTENT: usize = 1 + 1 + 16 + 8 + 4 + 8;
/// Bytes of a token.
const LENGTH: usize = NONCE + CONTENT + TAG;
/// Characters of a token's text that are looked at; AWS takes 2,048.
const TEXT_MAX: usize = 2_048;
/// First character of a token's text: a hyphen, which any other may be, would make it an option on a command line.
const FIRST: char = 'A';

/// What a token says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TaskToken {
    /// Which execution.
    pub execution: ExecutionId,
    /// Which attempt.
    pub task: TaskRef,
    /// How its outcome is to be read.
    pub shape: Shape,
    /// The claim under which it was handed out; 0 for tokens that are made before anybody claims.
    pub claim_id: u64,
}

/// How the outcome of a task becomes its result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Shape {
    /// A function by its ARN: its output is the result.
    Function = 1,
    /// `lambda:invoke`: its output is `Payload` of the result.
    Invoke = 2,
    /// `lambda:invoke` with the invocation type `Event`: the output is nobody's.
    InvokeEvent = 3,
    /// `lambda:invoke.waitForTaskToken`: its output answers the request.
    InvokeCallback = 4,
    /// An activity: the output is the result.
    Activity = 5,
    /// `$$.Task.Token`: whatever is sent with it is the result.
    Callback = 6,
    /// Offered to a session before anybody knew what it will be called with; the session or the shard knows which of the above it is.
    Offered = 7,
}

impl Shape {
    fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            1 => Shape::Function,
            2 => Shape::Invoke,
            3 => Shape::InvokeEvent,
            4 => Shape::InvokeCallback,
            5 => Shape::Activity,
            6 => Shape::Callback,
            7 => Shape::Offered,
            _ => return None,
        })
    }
}

/// Seals and opens tokens.
pub struct TokenKey {
    cipher: XChaCha20Poly1305,
    nonce_key: [u8; 32],
    peer_secret: [u8; 32],
}

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum TokenKeyError {
    /// The key file cannot be read or written.
    #[error("the key of the task tokens in {path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The key file holds something else.
    #[error(
        "{path} is not a key of task tokens: it has {len} bytes, not 32. Without the right key, task tokens that are out cannot be read"
    )]
    NotAKey {
        /// The file.
        path: PathBuf,
        /// Its length.
        len: usize,
    },
}

impl TokenKey {
    /// The key with these bytes.
    pub fn new(secret: [u8; 32]) -> Self {
        let derive = |purpose: &[u8]| -> [u8; 32] { Sha256::new().chain_update(secret).chain_update(purpose).finalize().into() };
        Self { cipher: XChaCha20Poly1305::new(&derive(b"seal").into()), nonce_key: derive(b"nonce"), peer_secret: derive(b"peer") }
    }

    /// A key that nobody keeps.
    pub fn ephemeral() -> Self {
        Self::new(fresh())
    }

    /// The key in `path`; the first call makes it.
    pub fn load_or_create(path: &Path) -> Result<Self, TokenKeyError> {
        let failed = |source| TokenKeyError::Io { path: path.to_owned(), source };
        match fs::read(path) {
            Ok(bytes) => {
                let secret = <[u8; 32]>::try_from(&*bytes);
                secret.map(Self::new).map_err(|_| TokenKeyError::NotAKey { path: path.to_owned(), len: bytes.len() })
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let secret = fresh();
                create(path, &secret).map_err(failed)?;
                Ok(Self::new(secret))
            }
            Err(error) => Err(failed(error)),
        }
    }

    /// Whether a start could use the key in `path`; one that is not there yet is made then.
    pub fn check(path: &Path) -> Result<(), TokenKeyError> {
        if !path.exists() {
            return Ok(());
        }
        Self::load_or_create(path).map(drop)
    }

    /// Keeps what is in `path` under another name, which is answered, and puts a new key there. Tokens that are out become invalid.
    pub fn replace(path: &Path) -> Result<PathBuf, TokenKeyError> {
        let failed = |source| TokenKeyError::Io { path: path.to_owned(), source };
        let kept = path.with_extension("key.damaged");
        fs::rename(path, &kept).map_err(failed)?;
        create(path, &fresh()).map_err(failed)?;
        Ok(kept)
    }

    /// What the processes that share the key know each other by. It tells nothing of the key.
    pub(super) fn peer_secret(&self) -> &[u8; 32] {
        &self.peer_secret
    }

    /// The token.
    pub fn seal(&self, token: &TaskToken) -> Bytes {
        let mut content = encode(token);
        let nonce = self.nonce(&content);
        let tag = self.cipher.encrypt_inout_detached(&nonce, b"", (&mut content[..]).into()).expect("a few bytes can be sealed");
        let mut sealed = Vec::with_capacity(LENGTH);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(&content);
        sealed.extend_from_slice(&tag);
        Bytes::from(sealed)
    }

    /// The token as text, fit for URLs, JSON and command lines.
    pub fn seal_text(&self, token: &TaskToken) -> String {
        let mut text = FIRST.to_string();
        URL_SAFE_NO_PAD.encode_string(self.seal(token), &mut text);
        text
    }

    /// What the token says; `None` if we did not make it.
    pub fn open(&self, sealed: &[u8]) -> Option<TaskToken> {
        let sealed = <&[u8; LENGTH]>::try_from(sealed).ok()?;
        let (nonce, rest) = sealed.split_first_chunk::<NONCE>()?;
        let (content, tag) = rest.split_first_chunk::<CONTENT>()?;
        let tag = <[u8; TAG]>::try_from(tag).ok()?;
        let mut content = *content;
        self.cipher.decrypt_inout_detached(&(*nonce).into(), b"", (&mut content[..]).into(), &tag.into()).ok()?;
        decode(&content)
    }

    /// As [`open`](Self::open), from text.
    pub fn open_text(&self, text: &str) -> Option<TaskToken> {
        if text.len() > TEXT_MAX {
            return None;
        }
        self.open(&URL_SAFE_NO_PAD.decode(text.strip_prefix(FIRST)?).ok()?)
    }

    fn nonce(&self, content: &[u8; CONTENT]) -> XNonce {
        let digest: [u8; 32] = Sha256::new().chain_update(self.nonce_key).chain_update(content).finalize().into();
        let mut nonce = [0; NONCE];
        nonce.copy_from_slice(&digest[..NONCE]);
        nonce.into()
    }
}

fn encode(token: &TaskToken) -> [u8; CONTENT] {
    let mut content = [0; CONTENT];
    content[0] = VERSION;
    content[1] = token.shape as u8;
    content[2..18].copy_from_slice(&token.execution.0.to_le_bytes());
    content[18..26].copy_from_slice(&token.task.entry.to_le_bytes());
    content[26..30].copy_from_slice(&token.task.attempt.to_le_bytes());
    content[30..38].copy_from_slice(&token.claim_id.to_le_bytes());
    content
}

fn decode(content: &[u8; CONTENT]) -> Option<TaskToken> {
    let (&version, rest) = content.split_first()?;
    let (&shape, rest) = rest.split_first()?;
    let (execution, rest) = rest.split_first_chunk::<16>()?;
    let (entry, rest) = rest.split_first_chunk::<8>()?;
    let (attempt, claim_id) = rest.split_first_chunk::<4>()?;
    let shape = Shape::from_number(shape).filter(|_| version == VERSION)?;
    Some(TaskToken {
        execution: ExecutionId(u128::from_le_bytes(*execution)),
        task: TaskRef { entry: u64::from_le_bytes(*entry), attempt: u32::from_le_bytes(*attempt) },
        shape,
        claim_id: u64::from_le_bytes(claim_id.try_into().ok()?),
    })
}

fn fresh() -> [u8; 32] {
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).expect("the operating system gives random numbers");
    secret
}

/// Durable under its name before it is used: a token that is out must be readable after a crash.
fn create(path: &Path, secret: &[u8; 32]) -> io::Result<()> {
    let draft = path.with_extension("new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
    file.write_all(secret)?;
    file.sync_all()?;
    fs::rename(&draft, path)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token() -> TaskToken {
        TaskToken {
            execution: ExecutionId(0x0123_4567_89ab_cdef << 40),
            task: TaskRef { entry: 17, attempt: 3 },
            shape: Shape::Invoke,
            claim_id: 99,
        }
    }

    #[test]
    fn tokens_come_back_and_are_the_same_each_time() {
        let key = TokenKey::new([7; 32]);
        assert_eq!(key.open(&key.seal(&token())), Some(token()));
        assert_eq!(key.open_text(&key.seal_text(&token())), Some(token()));
        assert_eq!(key.seal(&token()), key.seal(&token()));
        let text = key.seal_text(&token());
        assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'), "{text}");
        for entry in 0..300 {
            let text = key.seal_text(&TaskToken { task: TaskRef { entry, attempt: 1 }, ..token() });
            assert!(text.starts_with(|first: char| first.is_ascii_alphanumeric()), "{text}");
        }
    }

    #[test]
    fn whatever_was_touched_is_refused() {
        let key = TokenKey::new([7; 32]);
        let sealed = key.seal(&token());
        for place in 0..sealed.len() {
            let mut touched = sealed.to_vec();
            touched[place] ^= 1;
            assert_eq!(key.open(&touched), None, "byte {place}");
        }
        assert_eq!(key.open(&sealed[1..]), None);
        assert_eq!(key.open_text("not a token"), None);
        assert_eq!(key.open_text(&"A".repeat(5000)), None);
        assert_eq!(TokenKey::new([8; 32]).open(&sealed), None);
    }

    #[test]
    fn the_key_is_kept_in_its_file() {
        let folder = tempfile::tempdir().expect("a folder for the test");
        let path = folder.path().join("token.key");
        let sealed = TokenKey::load_or_create(&path).expect("the key is made").seal(&token());
        assert_eq!(TokenKey::load_or_create(&path).expect("the key is read").open(&sealed), Some(token()));
        fs::write(&path, b"short").expect("the file can be written");
        assert!(matches!(TokenKey::load_or_create(&path), Err(TokenKeyError::NotAKey { len: 5, .. })));
    }
}
