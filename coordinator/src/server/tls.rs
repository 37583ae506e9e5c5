//! TLS of the listening socket, with rustls.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// What is spoken inside, the first that both sides know.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// Files with what a server shows of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// Certificate chain in PEM, the server's own first.
    pub certificate: PathBuf,
    /// Its private key in PEM.
    pub key: PathBuf,
}

/// Why nothing can be served over TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read, or is no PEM of what it should be.
    #[error("{} holds no {what} in PEM: {reason}", file.display())]
    File {
        /// Which.
        file: PathBuf,
        /// What it should hold.
        what: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// The two do not fit together.
    #[error("certificate {} and key {} cannot be used: {reason}", files.certificate.display(), files.key.display())]
    Unfit {
        /// Both.
        files: TlsFiles,
        /// What is wrong.
        reason: String,
    },
}

/// What makes a connection one over TLS.
pub(super) fn acceptor(files: &TlsFiles) -> Result<TlsAcceptor, TlsError> {
    let (certificates, key) = (certificates(&files.certificate)?, key(&files.key)?);
    let unfit = |error: rustls::Error| TlsError::Unfit { files: files.clone(), reason: error.to_string() };
    let mut config = rustls::ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(unfit)?
        .with_no_client_auth()
        .with_single_cert(certificates, key)
        .map_err(unfit)?;
    config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let wrong = |reason: String| TlsError::File { file: file.to_owned(), what: "certificate", reason };
    let found = CertificateDer::pem_file_iter(file).map_err(|error| wrong(error.to_string()))?;
    let found: Vec<_> = found.collect::<Result<_, _>>().map_err(|error| wrong(error.to_string()))?;
    if found.is_empty() { Err(wrong("there is none in it".to_owned())) } else { Ok(found) }
}

fn key(file: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let wrong = |reason: String| TlsError::File { file: file.to_owned(), what: "private key", reason };
    PrivateKeyDer::from_pem_file(file).map_err(|error| wrong(error.to_string()))
}
