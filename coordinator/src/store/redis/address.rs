//! Where a store is, as an operator writes it.
//!
//! ```text
//! redis://user:password@host:port/database            one server, or any node of a Redis Cluster
//! redis://a:7000,b:7000,c:7000                        nodes of a Redis Cluster: the first that answers tells the others
//! redis+sentinel://a:26379,b:26379/name/database      whichever server sentinels know by that name
//! ```
//!
//! With `rediss` in place of `redis` everything is over TLS. Sentinels that want a password of their own have it behind the address:
//! `?sentinel_password=…`.

use redis::sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType};
use redis::{Client, RedisError, TlsCertificates, TlsMode};

use super::error::RedisOpenError;
use super::options::RedisOptions;

/// Behind the address: what sentinels want to hear.
const SENTINEL_PASSWORD: &str = "sentinel_password=";

/// The parts of an address.
pub(super) struct Address {
    is_tls: bool,
    /// `user:password@`, or nothing.
    credentials: String,
    /// `host:port` each, at least one.
    hosts: Vec<String>,
    /// What sentinels call the server, if the hosts are sentinels.
    sentinel: Option<Sentinel>,
    /// `/1`, or nothing.
    database: String,
    tls_roots: Option<Vec<u8>>,
}

struct Sentinel {
    name: String,
    password: Option<String>,
}

impl Address {
    pub(super) fn read(options: &RedisOptions) -> Result<Address, RedisOpenError> {
        let address = Self::parse(&options.url, options.tls_roots.clone()).map_err(|detail| unreadable(&options.url, detail))?;
        // Whatever is wrong with a host is said now, not by the first connection.
        for host in &address.hosts {
            address.client(host).map_err(|error| unreadable(&options.url, error.to_string()))?;
        }
        Ok(address)
    }

    fn parse(url: &str, tls_roots: Option<Vec<u8>>) -> Result<Address, String> {
        let (scheme, rest) = url.split_once("://").ok_or("it has no scheme")?;
        let (is_tls, is_sentinel) = match scheme {
            "redis" => (false, false),
            "rediss" => (true, false),
            "redis+sentinel" => (false, true),
            "rediss+sentinel" => (true, true),
            other => return Err(format!("`{other}` is none of redis, rediss, redis+sentinel, rediss+sentinel")),
        };
        let (rest, query) = if is_sentinel { rest.split_once('?').unwrap_or((rest, "")) } else { (rest, "") };
        let (credentials, places) = rest.rfind('@').map_or(("", rest), |at| rest.split_at(at + 1));
        let (hosts, path) = places.find('/').map_or((places, ""), |at| places.split_at(at));
        let (sentinel, database) = if is_sentinel { sentinel(path, query)? } else { (None, path.to_owned()) };
        let port = if is_sentinel { 26379 } else { 6379 };
        let hosts: Vec<_> = hosts.split(',').map(|host| with_port(host, port)).collect();
        Ok(Address { is_tls, credentials: credentials.to_owned(), hosts, sentinel, database, tls_roots })
    }

    pub(super) fn hosts(&self) -> &[String] {
        &self.hosts
    }

    /// What sentinels call the server, if it is for them to say where it is.
    pub(super) fn sentinel_name(&self) -> Option<&str> {
        self.sentinel.as_ref().map(|sentinel| sentinel.name.as_str())
    }

    /// For the server at `host:port`.
    pub(super) fn client(&self, host: &str) -> Result<Client, RedisError> {
        let scheme = if self.is_tls { "rediss" } else { "redis" };
        let url = format!("{scheme}://{}{host}{}", self.credentials, self.database);
        match self.certificates() {
            None => Client::open(url),
            Some(certificates) => Client::build_with_tls(url, certificates),
        }
    }

    /// Asks the sentinels.
    pub(super) fn sentinels(&self) -> Result<SentinelClient, RedisError> {
        let sentinel = self.sentinel.as_ref().expect("an address of sentinels has the name of a server");
        let mut sentinels = Vec::new();
        for host in &self.hosts {
            sentinels.push(self.client(host)?.get_connection_info().addr().clone());
        }
        let server = self.client(&self.hosts[0])?.get_connection_info().redis_settings().clone();
        let mut builder = SentinelClientBuilder::new(sentinels, &sentinel.name, SentinelServerType::Master)?;
        builder = builder.set_client_to_redis_db(server.db());
        if let Some(user) = server.username() {
            builder = builder.set_client_to_redis_username(user);
        }
        if let Some(password) = server.password() {
            builder = builder.set_client_to_redis_password(password);
        }
        if let Some(password) = &sentinel.password {
            builder = builder.set_client_to_sentinel_password(password);
        }
        if self.is_tls {
            builder = builder.set_client_to_redis_tls_mode(TlsMode::Secure).set_client_to_sentinel_tls_mode(TlsMode::Secure);
        }
        if let Some(certificates) = self.certificates() {
            builder = builder.set_client_to_redis_certificates(certificates.clone()).set_client_to_sentinel_certificates(certificates);
        }
        builder.build()
    }

    fn certificates(&self) -> Option<TlsCertificates> {
        self.tls_roots.clone().map(|roots| TlsCertificates { client_tls: None, root_cert: Some(roots) })
    }
}

/// `/name`, `/name/1`.
fn sentinel(path: &str, query: &str) -> Result<(Option<Sentinel>, String), String> {
    let path = path.trim_start_matches('/');
    let (name, database) = path.find('/').map_or((path, ""), |at| path.split_at(at));
    if name.is_empty() {
        return Err("it does not name the server that the sentinels watch: redis+sentinel://host:port/NAME".to_owned());
    }
    let password = match query.strip_prefix(SENTINEL_PASSWORD) {
        Some(password) => Some(password.to_owned()),
        None if query.is_empty() => None,
        None => return Err(format!("behind `?` only `{SENTINEL_PASSWORD}…` can stand")),
    };
    Ok((Some(Sentinel { name: name.to_owned(), password }), database.to_owned()))
}

/// A port that is left out is the usual one.
fn with_port(host: &str, port: u16) -> String {
    let has_port = host.rfind(':').is_some_and(|at| !host[at..].contains(']'));
    if has_port { host.to_owned() } else { format!("{host}:{port}") }
}

fn unreadable(url: &str, detail: String) -> RedisOpenError {
    RedisOpenError::Address { url: without_password(url), detail }
}

/// The text without what stands between the user's name and the host, and without what stands behind the address.
fn without_password(url: &str) -> String {
    let url = url.split_once('?').map_or(url, |(address, _)| address);
    match (url.find("://"), url.rfind('@')) {
        (Some(scheme), Some(at)) if scheme < at => format!("{}…{}", &url[..scheme + 3], &url[at..]),
        _ => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(url: &str) -> Result<Address, RedisOpenError> {
        Address::read(&RedisOptions::at(url))
    }

    #[test]
    fn passwords_are_not_shown() {
        assert_eq!(without_password("redis://user:secret@host:1/0"), "redis://…@host:1/0");
        assert_eq!(without_password("redis+sentinel://host/name?sentinel_password=secret"), "redis+sentinel://host/name");
        assert_eq!(without_password("redis://host"), "redis://host");
        assert_eq!(without_password("nonsense"), "nonsense");
    }

    #[test]
    fn each_form_is_read() {
        let one = read("redis://host/3").unwrap();
        assert_eq!((one.hosts(), one.sentinel_name()), (&["host:6379".to_owned()][..], None));
        assert_eq!(one.client(&one.hosts[0]).unwrap().get_connection_info().redis_settings().db(), 3);

        let several = read("rediss://user:p@ss@a:7000,[::1],c").unwrap();
        assert_eq!(several.hosts(), ["a:7000", "[::1]:6379", "c:6379"]);
        let client = several.client("d:7").unwrap();
        assert_eq!(client.get_connection_info().redis_settings().password(), Some("p@ss"));
        assert_eq!(client.get_connection_info().addr().to_string(), "d:7");

        let sentinels = read("redis+sentinel://:secret@a,b:5/main/2?sentinel_password=other").unwrap();
        assert_eq!((sentinels.hosts(), sentinels.sentinel_name()), (&["a:26379".to_owned(), "b:5".to_owned()][..], Some("main")));
        assert!(sentinels.sentinels().is_ok());
    }

    #[test]
    fn what_is_no_address_is_refused_with_the_reason() {
        let cases = [
            ("host", "it has no scheme"),
            ("http://host", "`http` is none of"),
            ("redis+sentinel://host", "does not name the server"),
            ("redis+sentinel://host/name?password=x", "sentinel_password"),
            ("redis://a:7000,", ""),
            ("redis://a:x", ""),
        ];
        for (url, expected) in cases {
            let error = read(url).err().unwrap_or_else(|| panic!("{url} is no address"));
            assert!(matches!(&error, RedisOpenError::Address { detail, .. } if detail.contains(expected)), "{url}: {error}");
        }
    }
}
