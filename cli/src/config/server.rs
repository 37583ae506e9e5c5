//! `[server]`: where a process listens and what it keeps, and who it is among others.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use baton_coordinator::server::{MemberIdentity, TlsFiles, WorkerTokens};
use serde::Deserialize;

use super::{Secret, first_of, seen_from};
use crate::args::{EventsTo, ItemStore, LogsTo};
use crate::exit::{CliError, CliResult, Exit};

/// Longer names are no names.
const NAME_CHARS_MAX: usize = 100;

/// Of every server.
#[derive(Clone, Debug, Default, clap::Args, Deserialize)]
#[serde(default)]
pub(crate) struct ServerSettings {
    /// Port to listen on, 8083 by default; 0 picks a free one.
    #[arg(long, env = "BATON_PORT")]
    pub(crate) port: Option<u16>,
    /// Address to listen on; 127.0.0.1 by default.
    #[arg(long, env = "BATON_LISTEN", value_name = "ADDRESS")]
    pub(crate) listen: Option<IpAddr>,
    /// Where executions are kept, DIR/.baton by default; a coordinator has only its logs there.
    #[arg(long, env = "BATON_DATA_DIR", value_name = "FOLDER")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Test cases in Step Functions Local's format, for starts of `ARN#TestCase`; DIR/MockConfigFile.json by default.
    #[arg(long, env = "SFN_MOCK_CONFIG", value_name = "FILE")]
    pub(crate) mock_config: Option<PathBuf>,
    /// Where execution logs of state machines with a loggingConfiguration go, comma separated: file, stdout, cloudwatch, or none. By
    /// default file, and cloudwatch if AWS_ENDPOINT_URL_LOGS or AWS_ENDPOINT_URL is set.
    #[arg(long, env = "BATON_EXECUTION_LOGS", value_name = "WHERE", value_delimiter = ',')]
    pub(crate) execution_logs: Option<Vec<LogsTo>>,
    /// Where status changes of Standard executions go, in EventBridge's form, comma separated: eventbridge, file, the http:// address of a
    /// webhook, or none. By default eventbridge if AWS_ENDPOINT_URL_EVENTS or AWS_ENDPOINT_URL is set.
    #[arg(long, env = "BATON_STATUS_EVENTS", value_name = "WHERE", value_delimiter = ',')]
    pub(crate) status_events: Option<Vec<EventsTo>>,
    /// Folders in which Distributed Maps may read items and write results, as buckets file:///FOLDER, comma separated; DIR by default.
    #[arg(long, env = "BATON_ITEM_FOLDERS", value_name = "FOLDER", value_delimiter = ',')]
    pub(crate) item_folders: Option<Vec<PathBuf>>,
    /// Stores other than S3 and folders that Distributed Maps may use, comma separated: gcs, azure, http. None by default: who may start
    /// executions decides what this machine asks for.
    #[arg(long, env = "BATON_ITEM_STORES", value_name = "STORE", value_delimiter = ',')]
    pub(crate) item_stores: Option<Vec<ItemStore>>,
    /// Tokens of which workers must show one, comma separated. Without any, every worker is let in.
    #[arg(long, env = "BATON_WORKER_TOKENS", value_name = "TOKEN", value_delimiter = ',', hide_env_values = true)]
    pub(crate) worker_tokens: Option<Vec<Secret>>,
}

/// Of one of several servers that share a store.
#[derive(Clone, Debug, Default, clap::Args, Deserialize)]
#[serde(default)]
pub(crate) struct MemberSettings {
    /// Name of this coordinator, its own among all and the same after a restart; the host's name and the port by default.
    #[arg(long, env = "BATON_NAME")]
    pub(crate) name: Option<String>,
    /// Where the other coordinators reach this one, http://HOST:PORT; where it listens by default.
    #[arg(long, env = "BATON_ADVERTISE", value_name = "URL")]
    pub(crate) advertise: Option<String>,
    /// Certificate chain in PEM: everything is then served over TLS.
    #[arg(long, env = "BATON_TLS_CERTIFICATE", value_name = "FILE")]
    pub(crate) tls_certificate: Option<PathBuf>,
    /// Private key of the certificate, in PEM.
    #[arg(long, env = "BATON_TLS_KEY", value_name = "FILE")]
    pub(crate) tls_key: Option<PathBuf>,
}

impl ServerSettings {
    pub(crate) fn or(self, file: Self) -> Self {
        first_of!(self, file; port, listen, data_dir, mock_config, execution_logs, status_events, item_folders, item_stores, worker_tokens)
    }

    /// What workers must show.
    pub(crate) fn tokens(&self) -> WorkerTokens {
        WorkerTokens::new(self.worker_tokens.iter().flatten().map(Secret::reveal))
    }

    pub(super) fn seen_from(&mut self, folder: &Path) {
        for path in [&mut self.data_dir, &mut self.mock_config] {
            seen_from(folder, path);
        }
        self.item_folders.iter_mut().flatten().for_each(|path| *path = folder.join(&*path));
    }
}

impl MemberSettings {
    pub(crate) fn or(self, file: Self) -> Self {
        first_of!(self, file; name, advertise, tls_certificate, tls_key)
    }
    pub(super) fn seen_from(&mut self, folder: &Path) {
        for path in [&mut self.tls_certificate, &mut self.tls_key] {
            seen_from(folder, path);
        }
    }

    /// Who this coordinator is to the others.
    pub(crate) fn identity(&self, listens: SocketAddr) -> CliResult<MemberIdentity> {
        if let Some(name) = self.name.as_ref().filter(|name| name.is_empty() || name.chars().count() > NAME_CHARS_MAX) {
            return Err(
                CliError::new(Exit::Usage, format!("\"{name}\" is no name of a coordinator")).next("give --name 1 to 100 characters")
            );
        }
        let is_address = |url: &String| ["http://", "https://"].iter().any(|scheme| url.strip_prefix(scheme).is_some_and(is_authority));
        if let Some(url) = self.advertise.as_ref().filter(|url| !is_address(url)) {
            return Err(
                CliError::new(Exit::Usage, format!("{url} is no address of a coordinator")).next("write --advertise http://HOST:PORT")
            );
        }
        if self.advertise.is_none() && listens.ip().is_unspecified() {
            return Err(CliError::new(Exit::Usage, format!("others cannot reach this coordinator at {listens}"))
                .next("say where they can with --advertise http://HOST:PORT"));
        }
        Ok(MemberIdentity { name: self.name.clone(), advertise: self.advertise.clone() })
    }

    /// What is served over TLS, if anything is.
    pub(crate) fn tls(&self) -> CliResult<Option<TlsFiles>> {
        match (&self.tls_certificate, &self.tls_key) {
            (Some(certificate), Some(key)) => Ok(Some(TlsFiles { certificate: certificate.clone(), key: key.clone() })),
            (None, None) => Ok(None),
            (Some(_), None) | (None, Some(_)) => {
                Err(CliError::new(Exit::Usage, "TLS needs a certificate and its key").next("give both --tls-certificate and --tls-key"))
            }
        }
    }
}

/// `HOST:PORT`
fn is_authority(text: &str) -> bool {
    text.rsplit_once(':')
        .is_some_and(|(host, port)| !host.is_empty() && !host.contains('/') && port.parse::<u16>().is_ok_and(|port| port > 0))
}
