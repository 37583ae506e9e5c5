//! Where the server under load listens.

use std::net::{SocketAddr, ToSocketAddrs};
use std::str::FromStr;

/// A plain `http://host:port` address, resolved once.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    /// Host and port as the user wrote them, for the `Host` header.
    pub(crate) authority: String,
    pub(crate) address: SocketAddr,
}

impl Endpoint {
    /// The URL that other clients (a worker, a person) use for the same place.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.authority)
    }
}

impl FromStr for Endpoint {
    type Err = String;

    fn from_str(url: &str) -> Result<Self, String> {
        let rest = url
            .strip_prefix("http://")
            .ok_or_else(|| format!("`{url}` does not start with http:// (TLS would measure the generator, not the server)"))?;
        let authority = rest.trim_end_matches('/');
        if authority.is_empty() || authority.contains('/') {
            return Err(format!("`{url}` is not of the form http://HOST:PORT"));
        }
        let named = if has_port(authority) { authority.to_owned() } else { format!("{authority}:80") };
        let address = named
            .to_socket_addrs()
            .map_err(|error| format!("`{authority}` cannot be resolved: {error}"))?
            .next()
            .ok_or_else(|| format!("`{authority}` has no address"))?;
        Ok(Self { authority: authority.to_owned(), address })
    }
}

/// The colons of a bracketed IPv6 address do not count.
fn has_port(authority: &str) -> bool {
    authority.rsplit(']').next().is_some_and(|tail| tail.contains(':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_host_and_port() {
        let endpoint: Endpoint = "http://127.0.0.1:8083/".parse().expect("a valid endpoint");
        assert_eq!(endpoint.authority, "127.0.0.1:8083");
        assert_eq!(endpoint.address.port(), 8083);
        assert_eq!(endpoint.url(), "http://127.0.0.1:8083");
        let endpoint: Endpoint = "http://[::1]".parse().expect("a valid endpoint");
        assert_eq!(endpoint.address.port(), 80);
    }

    #[test]
    fn refuses_what_it_cannot_measure() {
        for url in ["https://127.0.0.1:1", "127.0.0.1:8083", "http://", "http://127.0.0.1:1/path"] {
            assert!(url.parse::<Endpoint>().is_err(), "{url}");
        }
    }
}
