//! TLS of the listening socket, with rustls.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::RwLock;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;

use crate::telemetry::names;

/// What is spoken inside, the first that both sides know.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// How often the files are looked at. What is read twice the same is shown: a chain that is just being written may be one without its end.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);

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

/// What makes a connection one over TLS. Renewed files are shown to whoever connects later, without a restart.
pub(super) fn acceptor(files: &TlsFiles) -> Result<TlsAcceptor, TlsError> {
    let identity = Arc::new(Identity::read(files)?);
    tokio::spawn(watch(Arc::downgrade(&identity)));
    let mut config = rustls::ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider has the protocol's versions")
        .with_no_client_auth()
        .with_cert_resolver(identity);
    config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// What a server shows of itself, as the files said last.
#[derive(Debug)]
struct Identity {
    files: TlsFiles,
    shown: RwLock<Arc<CertifiedKey>>,
}

impl Identity {
    fn read(files: &TlsFiles) -> Result<Self, TlsError> {
        let read = certified(files)?;
        note_end(&read);
        Ok(Self { files: files.clone(), shown: RwLock::new(Arc::new(read)) })
    }

    fn show(&self, read: CertifiedKey) {
        let mut shown = self.shown.write();
        if shown.cert != read.cert {
            note_end(&read);
            *shown = Arc::new(read);
            tracing::info!(file = %self.files.certificate.display(), "the certificate was renewed");
        }
    }
}

/// Looks at the files from time to time. Between the writing of the one and of the other they do not fit together, and what was shown stays.
async fn watch(identity: Weak<Identity>) {
    let (mut told, mut read_before) = (None, None);
    loop {
        tokio::time::sleep(LOOK_INTERVAL).await;
        let Some(identity) = identity.upgrade() else { return };
        let files = identity.files.clone();
        let Ok(read) = tokio::task::spawn_blocking(move || certified(&files)).await else { return };
        match read {
            Ok(read) => {
                told = None;
                let chain = read.cert.clone();
                if read_before.as_ref() == Some(&chain) {
                    identity.show(read);
                }
                read_before = Some(chain);
            }
            Err(error) => {
                let error = error.to_string();
                if told.as_ref() != Some(&error) {
                    tracing::warn!(%error, "the certificate stays as it was");
                }
                told = Some(error);
            }
        }
    }
}

impl ResolvesServerCert for Identity {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.shown.read().clone())
    }
}

fn certified(files: &TlsFiles) -> Result<CertifiedKey, TlsError> {
    let (certificates, key) = (certificates(&files.certificate)?, key(&files.key)?);
    CertifiedKey::from_der(certificates, key, &ring::default_provider())
        .map_err(|error| TlsError::Unfit { files: files.clone(), reason: error.to_string() })
}

fn note_end(shown: &CertifiedKey) {
    names::TLS_CERTIFICATE_EXPIRES.gauge([]).set(shown.cert.first().and_then(end_of).unwrap_or_default());
}

/// When it ends, seconds since 1970.
fn end_of(certificate: &CertificateDer<'_>) -> Option<f64> {
    let (_, certificate) = x509_parser::parse_x509_certificate(certificate).ok()?;
    Some(certificate.validity().not_after.timestamp() as f64)
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
