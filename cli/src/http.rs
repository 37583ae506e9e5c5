//! How commands speak HTTP, over TLS where the server's address says so.

use std::error::Error;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use crate::exit::{CliError, CliResult, Exit};

/// How long a server may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Names a file with the certificates, in PEM, that a server's may be signed with; the AWS CLI's and SDKs' variable.
const CA_BUNDLE: &str = "AWS_CA_BUNDLE";

/// A client for the server at this address. Without [`CA_BUNDLE`], those may vouch for it whom the system trusts.
pub(crate) fn client(endpoint: &str) -> CliResult<reqwest::Client> {
    if !["http://", "https://"].iter().any(|scheme| endpoint.starts_with(scheme)) {
        return Err(CliError::new(Exit::Usage, format!("{endpoint} is no address of a server")).next("write http://HOST:PORT"));
    }
    let roots = if endpoint.starts_with("https://") { trusted()? } else { RootCertStore::empty() };
    let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring has the default versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let client = reqwest::Client::builder().tls_backend_preconfigured(tls).connect_timeout(CONNECT_TIMEOUT).build();
    Ok(client.expect("a client with its TLS made has nothing to load"))
}

fn trusted() -> CliResult<RootCertStore> {
    let mut roots = RootCertStore::empty();
    match std::env::var_os(CA_BUNDLE).filter(|path| !path.is_empty()) {
        Some(path) => {
            let certificates = of_file(Path::new(&path)).map_err(|reason| unfit(Path::new(&path), &reason))?;
            let (usable, _) = roots.add_parsable_certificates(certificates);
            if usable == 0 {
                return Err(unfit(Path::new(&path), "none of what it holds is a certificate"));
            }
        }
        None => _ = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs),
    }
    Ok(roots)
}

fn of_file(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let found = CertificateDer::pem_file_iter(path).map_err(|error| error.to_string())?;
    let found: Vec<_> = found.collect::<Result<_, _>>().map_err(|error| error.to_string())?;
    if found.is_empty() { Err("there is no certificate in it".to_owned()) } else { Ok(found) }
}

fn unfit(path: &Path, reason: &str) -> CliError {
    CliError::new(Exit::Usage, format!("{CA_BUNDLE}: {} cannot be used: {reason}", path.display()))
        .next("name a file with certificates in PEM, or unset it to trust whom the system trusts")
}

/// Nobody has answered.
pub(crate) fn unreachable(endpoint: &str, error: &reqwest::Error) -> CliError {
    let refused = |error: &io::Error| error.kind() == io::ErrorKind::ConnectionRefused;
    let is_refused = causes(error).any(|error| error.downcast_ref().is_some_and(refused));
    let deepest = causes(error).last().map(ToString::to_string).unwrap_or_default();
    let another = "start a server with `baton dev DIR`, or name another with --endpoint";
    let (reason, next) = if error.is_timeout() {
        ("it does not answer in time", another)
    } else if is_refused {
        ("nothing listens there", another)
    } else if deepest.contains("certificate") {
        (&*deepest, "AWS_CA_BUNDLE names a file with the certificates that the server's may be signed with")
    } else {
        (&*deepest, "check --endpoint and AWS_ENDPOINT_URL_SFN")
    };
    CliError::new(Exit::Unreachable, format!("no answer from {endpoint}: {reason}")).next(next)
}

/// The error, and what has led to it.
fn causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn Error + 'static)> {
    std::iter::successors(Some(error as &(dyn Error + 'static)), |&error| error.source())
}
