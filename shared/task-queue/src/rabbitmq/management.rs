//! Questions to the broker's management API, which is a plugin: often it is not there, or not for us. Nothing depends on an answer.

use std::time::Duration;

use base64::Engine as _;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::policies::Policy;
use super::settings::RabbitMqSettings;

const PATIENCE: Duration = Duration::from_secs(2);
const ANSWER_BYTES_MAX: usize = 4 * 1_048_576;
const USUAL_PORT: u16 = 15_672;

/// Where the API is, and who asks.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Management {
    host: String,
    port: u16,
    user: String,
    password: String,
    virtual_host: String,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NoAnswer {
    /// There is nobody, or nobody who lets us ask: so it will stay.
    Settled(String),
    /// Perhaps another time.
    Passing(String),
}

impl NoAnswer {
    pub(super) fn reason(self) -> String {
        match self {
            Self::Settled(reason) | Self::Passing(reason) => reason,
        }
    }
}

#[derive(Deserialize)]
struct Member {
    running: bool,
}

impl Management {
    /// As the settings name it, or at the usual place.
    pub(super) fn of(settings: &RabbitMqSettings) -> Result<Self, NoAnswer> {
        let broker = &settings.addresses.first().ok_or_else(|| NoAnswer::Settled("no broker is named".to_owned()))?.0;
        let virtual_host = broker.vhost.clone();
        let Some(url) = &settings.management else {
            let user = broker.authority.userinfo.clone();
            let host = broker.authority.host.clone();
            return Ok(Self { host, port: USUAL_PORT, user: user.username, password: user.password, virtual_host });
        };
        parse(url, virtual_host)
            .ok_or_else(|| NoAnswer::Settled("the management API's address is not http://user:password@host:port".to_owned()))
    }

    /// Members of the broker that run.
    pub(super) async fn members(&self) -> Result<usize, NoAnswer> {
        let members: Vec<Member> = self.get("/api/nodes?columns=running").await?;
        Ok(members.iter().filter(|member| member.running).count())
    }

    /// Of the virtual host.
    pub(super) async fn policies(&self) -> Result<Vec<Policy>, NoAnswer> {
        self.get(&format!("/api/policies/{}", utf8_percent_encode(&self.virtual_host, NON_ALPHANUMERIC))).await
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, NoAnswer> {
        let late = || {
            NoAnswer::Passing(format!("the management API at {}:{} has not answered within {} s", self.host, self.port, PATIENCE.as_secs()))
        };
        let body = timeout(PATIENCE, self.body_of(path)).await.unwrap_or_else(|_| Err(late()))?;
        serde_json::from_slice(&body).map_err(|error| NoAnswer::Settled(format!("the management API's answer cannot be read: {error}")))
    }

    async fn body_of(&self, path: &str) -> Result<Bytes, NoAnswer> {
        let place = format!("{}:{}", self.host, self.port);
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await;
        let stream = stream.map_err(|error| NoAnswer::Settled(format!("no management API at {place}: {error}")))?;
        let passing = |error: &dyn std::fmt::Display| NoAnswer::Passing(format!("the management API at {place}: {error}"));
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|error| passing(&error))?;
        let connection = tokio::spawn(connection);
        let credentials = base64::engine::general_purpose::STANDARD.encode(format!("{}:{}", self.user, self.password));
        let request = Request::get(path).header("host", &place).header("authorization", format!("Basic {credentials}"));
        let request = request.body(Empty::<Bytes>::new()).map_err(|error| passing(&error))?;
        let answer = sender.send_request(request).await.map_err(|error| passing(&error))?;
        let status = answer.status();
        if status != StatusCode::OK {
            let reason = format!("the management API at {place} answers {status}");
            return Err(if status.is_client_error() { NoAnswer::Settled(reason) } else { NoAnswer::Passing(reason) });
        }
        let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await.map_err(|error| passing(&error))?.to_bytes();
        connection.abort();
        Ok(body)
    }
}

/// `http://user:password@host:port`; other schemes are not asked.
fn parse(url: &str, virtual_host: String) -> Option<Management> {
    let rest = url.strip_prefix("http://")?.trim_end_matches('/');
    let (credentials, place) = rest.rsplit_once('@')?;
    let (user, password) = credentials.split_once(':')?;
    let (host, port) = match place.rsplit_once(':') {
        Some((host, port)) => (host, port.parse().ok()?),
        None => (place, USUAL_PORT),
    };
    let decoded = |text: &str| percent_decode_str(text).decode_utf8().ok().map(std::borrow::Cow::into_owned);
    Some(Management { host: host.to_owned(), port, user: decoded(user)?, password: decoded(password)?, virtual_host })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read() {
        let found = parse("http://u:p%40ss@host:1/", "/".to_owned()).expect("an address");
        assert_eq!((found.host.as_str(), found.port, found.user.as_str(), found.password.as_str()), ("host", 1, "u", "p@ss"));
        assert_eq!(parse("http://u:p@host", "/".to_owned()).map(|found| found.port), Some(USUAL_PORT));
        for wrong in ["https://u:p@host", "http://host", "http://u:p@host:x", ""] {
            assert!(parse(wrong, "/".to_owned()).is_none(), "{wrong}");
        }
    }
}
