//! What a connection to RabbitMQ needs to know.

use std::fmt;
use std::str::FromStr;

use lapin::uri::AMQPUri;

/// Seconds. A peer that is silent for two of them is gone.
const HEARTBEAT: u16 = 10;

/// Where the broker is, and whose queues are meant.
#[derive(Clone, Debug)]
pub struct RabbitMqSettings {
    /// Members of one broker; tried in turn.
    pub addresses: Vec<BrokerAddress>,
    /// Keeps the queues of several clusters at one broker apart.
    pub namespace: String,
    /// As the broker's lists of connections show it.
    pub connection_name: String,
    /// Of queues that are made; `None`: quorum if the broker is seen to have three members or more, else classic.
    pub queue_type: Option<QueueType>,
    /// Certificates in PEM that `amqps://` trusts beside the system's.
    pub certificates: Option<String>,
    /// Where the broker's management API is, `http://user:password@host:15672`; `None`: on the broker's host, at its usual port, with the
    /// credentials of the connection. It is only asked for facts.
    pub management: Option<String>,
}

impl RabbitMqSettings {
    /// For a URL, or several members of one broker separated by commas, as `--queue` takes them.
    pub fn new(urls: &str, namespace: impl Into<String>) -> Result<Self, AddressError> {
        Ok(Self {
            addresses: urls.split(',').map(|url| url.trim().parse()).collect::<Result<_, _>>()?,
            namespace: namespace.into(),
            connection_name: "baton".to_owned(),
            queue_type: None,
            certificates: None,
            management: None,
        })
    }
}

/// `amqp[s]://user:password@host:port/virtual-host`; printed, it keeps the password to itself.
#[derive(Clone, PartialEq, Eq)]
pub struct BrokerAddress(pub(super) AMQPUri);

/// A text that is no address of a broker.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the address of a RabbitMQ (amqp://user:password@host:5672/virtual-host): {0}")]
pub struct AddressError(String);

impl FromStr for BrokerAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut uri: AMQPUri = text.parse().map_err(AddressError)?;
        if uri.authority.host.is_empty() {
            return Err(AddressError("it names no host".to_owned()));
        }
        uri.query.heartbeat.get_or_insert(HEARTBEAT);
        Ok(Self(uri))
    }
}

impl fmt::Display for BrokerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let AMQPUri { scheme, authority, vhost, .. } = &self.0;
        write!(f, "{scheme}://{}@{}:{}", authority.userinfo.username, authority.host, authority.port)?;
        if vhost == "/" { Ok(()) } else { write!(f, "/{vhost}") }
    }
}

impl fmt::Debug for BrokerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// How a queue keeps its messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueueType {
    /// On one member of the broker, durable.
    Classic,
    /// On a majority of several members.
    Quorum,
}

impl QueueType {
    /// As the argument `x-queue-type` has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Classic => "classic",
            Self::Quorum => "quorum",
        }
    }

    pub(super) fn other(self) -> Self {
        match self {
            Self::Classic => Self::Quorum,
            Self::Quorum => Self::Classic,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_printed_without_their_password() {
        let settings = RabbitMqSettings::new("amqp://guest:secret@127.0.0.1:5672/%2f, amqps://u:secret@b/jobs", "n").expect("addresses");
        assert_eq!(format!("{:?}", settings.addresses), "[amqp://guest@127.0.0.1:5672, amqps://u@b:5671/jobs]");
        assert!(settings.addresses.iter().all(|address| address.0.query.heartbeat == Some(HEARTBEAT)));
        let own: BrokerAddress = "amqp://host?heartbeat=3".parse().expect("an address");
        assert_eq!(own.0.query.heartbeat, Some(3));
        for wrong in ["", "http://host", "amqp://a,", "127.0.0.1:5672"] {
            assert!(RabbitMqSettings::new(wrong, "n").is_err(), "{wrong}");
        }
    }
}
