//! A server that takes writes: the one at an address, or the one that sentinels name.

use std::time::Duration;

use parking_lot::Mutex as SyncMutex;
use redis::aio::MultiplexedConnection;
use redis::sentinel::SentinelClient;
use redis::{AsyncConnectionConfig, Client, RedisResult};
use tokio::sync::Mutex;
use tokio::time::timeout;

/// Longest time for a connection to be made, name look-up and greeting included.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// See the module.
pub(super) struct Node(Kind);

enum Kind {
    At(Client),
    Named {
        name: String,
        sentinels: Mutex<SentinelClient>,
        /// Where it was last.
        at: SyncMutex<Option<String>>,
    },
}

impl Node {
    pub(super) fn at(client: Client) -> Self {
        Self(Kind::At(client))
    }

    pub(super) fn named(name: &str, sentinels: SentinelClient) -> Self {
        Self(Kind::Named { name: name.to_owned(), sentinels: Mutex::new(sentinels), at: SyncMutex::default() })
    }

    /// Whether sentinels may promote another server.
    pub(super) fn is_named(&self) -> bool {
        matches!(self.0, Kind::Named { .. })
    }

    /// Host and port, or the name as long as the sentinels have not told where it is.
    pub(super) fn address(&self) -> String {
        match &self.0 {
            Kind::At(client) => client.get_connection_info().addr().to_string(),
            Kind::Named { name, at, .. } => at.lock().clone().unwrap_or_else(|| name.clone()),
        }
    }

    /// A connection as the server gives it.
    pub(super) async fn connect(&self) -> RedisResult<MultiplexedConnection> {
        let connected = async {
            match &self.0 {
                Kind::At(client) => connect(client).await,
                Kind::Named { sentinels, at, .. } => {
                    let client = sentinels.lock().await.async_get_client().await?;
                    *at.lock() = Some(client.get_connection_info().addr().to_string());
                    connect(&client).await
                }
            }
        };
        let too_late = || Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into());
        timeout(CONNECT_TIMEOUT, connected).await.unwrap_or_else(|_| too_late())
    }
}

async fn connect(client: &Client) -> RedisResult<MultiplexedConnection> {
    // Each use has a limit of its own on how long it waits.
    let config = AsyncConnectionConfig::new().set_connection_timeout(Some(CONNECT_TIMEOUT)).set_response_timeout(None);
    client.get_multiplexed_async_connection_with_config(&config).await
}
