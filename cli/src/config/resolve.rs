//! From what was said to what the coordinator is started with.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use baton_coordinator::server::{ApiLimits, ExpressLimits, Limits, ServerConfig, Storage, StoresConfig};
use baton_worker::functions::Location;

use super::client::PORT_DEFAULT;
use super::{AwsSettings, Config, LimitSettings, ServerSettings};
use crate::args::ItemStore;
use crate::commands::outlets;
use crate::exit::{CliError, CliResult, Exit};

/// Bytes of a request beside its payload.
const REQUEST_BYTES_BESIDE: usize = 787_456;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl Config {
    /// These, and where they say nothing, those of the file.
    pub(crate) fn over(self, file: Self) -> Self {
        Self {
            member: self.member.or(file.member),
            server: self.server.or(file.server),
            store: self.store.or(file.store),
            queue: self.queue.or(file.queue),
            limits: self.limits.or(file.limits),
            aws: self.aws.over(file.aws),
        }
    }

    /// What every server is started with, over this storage. `folder` is the project's, if there is one.
    pub(crate) fn server_config(&self, storage: Storage, mock_config: Option<PathBuf>, folder: Option<&Path>) -> CliResult<ServerConfig> {
        let Location { region, account } = self.aws.checked_location()?;
        let defaults = ServerConfig::default();
        Ok(ServerConfig {
            listen: self.server.listens(),
            storage,
            account,
            region,
            api_limits: self.limits.of_api(),
            limits: self.limits.of_executions(),
            express: self.limits.of_express(),
            retention: self.limits.retention_days.map_or(defaults.retention, |days| DAY * u32::try_from(days.get()).unwrap_or(u32::MAX)),
            worker_tokens: self.server.tokens(),
            lambda_endpoint: self.aws.lambda_endpoint.clone(),
            items: self.item_stores(folder),
            mock_config,
            execution_logs: self.server.execution_logs.as_deref().map(outlets::log_destinations),
            cloudwatch_logs_endpoint: self.aws.logs_endpoint.clone(),
            status_events: self.server.status_events.as_deref().map(outlets::status_event_destinations),
            eventbridge_endpoint: self.aws.events_endpoint.clone(),
            ..defaults
        })
    }
}

impl Config {
    fn item_stores(&self, folder: Option<&Path>) -> StoresConfig {
        let own = || folder.map(Path::to_owned).into_iter().collect();
        let stores = self.server.item_stores.as_deref().unwrap_or_default();
        StoresConfig {
            s3_endpoint: self.aws.s3_endpoint.clone(),
            file_roots: self.server.item_folders.clone().unwrap_or_else(own),
            gcs: stores.contains(&ItemStore::Gcs),
            azure: stores.contains(&ItemStore::Azure),
            http: stores.contains(&ItemStore::Http),
            ..StoresConfig::from_environment(&self.aws.location().region)
        }
    }
}

impl ServerSettings {
    /// The address and port to listen on.
    pub(crate) fn listens(&self) -> SocketAddr {
        SocketAddr::new(self.listen.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)), self.port.unwrap_or(PORT_DEFAULT))
    }
}

impl LimitSettings {
    fn of_api(&self) -> ApiLimits {
        let defaults = ApiLimits::default();
        let payload_bytes_max = self.payload_bytes.map_or(defaults.payload_bytes_max, |bytes| bytes.get() as usize);
        // Escaped in JSON, a payload of the usual size fits into a usual request; of a larger one, most do.
        let request_bytes_max = defaults.request_bytes_max.max(2 * payload_bytes_max + REQUEST_BYTES_BESIDE);
        let request_bytes_max = if self.payload_bytes.is_some() { request_bytes_max } else { defaults.request_bytes_max };
        ApiLimits { request_bytes_max, payload_bytes_max }
    }

    fn of_executions(&self) -> Limits {
        let defaults = Limits::default();
        Limits {
            payload_bytes_max: self.payload_bytes.map_or(defaults.payload_bytes_max, |bytes| bytes.get() as usize),
            history_events_max: self.history_events.map_or(defaults.history_events_max, |events| events.get()),
            ..defaults
        }
    }

    fn of_express(&self) -> ExpressLimits {
        let defaults = ExpressLimits::default();
        ExpressLimits {
            open_max: self.express_open.map_or(defaults.open_max, |open| open.get() as usize),
            bytes_max: self.express_bytes.map_or(defaults.bytes_max, |bytes| bytes.get() as usize),
            ..defaults
        }
    }
}

impl AwsSettings {
    /// What makes names ARNs, if it can.
    pub(crate) fn checked_location(&self) -> CliResult<Location> {
        let location = self.location();
        let is_account = location.account.len() == 12 && location.account.bytes().all(|byte| byte.is_ascii_digit());
        let is_region = !location.region.is_empty()
            && location.region.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        match (is_account, is_region) {
            (true, true) => Ok(location),
            (false, _) => Err(wrong(format!("\"{}\" is not an account", location.account), "give twelve digits, such as 123456789012")),
            (true, false) => Err(wrong(format!("\"{}\" is not a region", location.region), "give one such as us-east-1")),
        }
    }
}

fn wrong(message: String, next_step: &str) -> CliError {
    CliError::new(Exit::Usage, message).next(next_step)
}
