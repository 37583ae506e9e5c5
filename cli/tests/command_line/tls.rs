//! A cluster in which everything goes over TLS: clients, members among each other, workers, the store and the broker.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use baton_local_services::{Folder, RabbitMq, RabbitMqOptions, Redis, RedisSentinel, free_port};
use serde_json::json;

use crate::support::{Process, baton, call, call_trusting, folder, get_trusting, run, url_of};

const ECHO: &str = "[functions.Echo]\nruntime = \"command\"\ncode = [\"cat\"]\n";
const CALLS_ECHO: &str = r#"{ "StartAt": "A", "States": { "A": { "Type": "Task", "End": true,
    "Resource": "arn:aws:lambda:us-east-1:123456789012:function:Echo" } } }"#;
/// As many as are sure to live at both members.
const EXECUTIONS: usize = 20;

/// A certificate for this machine that vouches for itself, and its key.
struct Identity {
    folder: tempfile::TempDir,
    pem: String,
}

impl Identity {
    fn new() -> Self {
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned(), "localhost".to_owned()]).expect("a certificate");
        let pem = made.cert.pem();
        Self { folder: folder(&[("certificate.pem", &pem), ("key.pem", &made.signing_key.serialize_pem())]), pem }
    }

    fn certificate(&self) -> PathBuf {
        self.folder.path().join("certificate.pem")
    }

    fn key(&self) -> PathBuf {
        self.folder.path().join("key.pem")
    }

    /// What makes a Redis, or a sentinel, listen for TLS on this port: names and values of its settings.
    fn redis_settings(&self, port: u16) -> [(&'static str, String); 5] {
        let (certificate, key) = (self.certificate().display().to_string(), self.key().display().to_string());
        [
            ("tls-port", port.to_string()),
            ("tls-cert-file", certificate.clone()),
            ("tls-key-file", key),
            ("tls-ca-cert-file", certificate),
            ("tls-auth-clients", "no".to_owned()),
        ]
    }

    fn redis(&self, port: u16) -> Redis {
        let settings = self.redis_settings(port).map(|(name, value)| (format!("--{name}"), value));
        let settings = settings.iter().flat_map(|(name, value)| [name.as_str(), value.as_str()]);
        let options: Vec<_> = ["--appendfsync", "always"].into_iter().chain(settings).collect();
        Redis::start_with(Folder::temporary().expect("a folder"), &options).expect("Redis is installed")
    }

    /// Watches, over TLS, the Redis that listens for it at `redis_port`.
    fn sentinel(&self, port: u16, name: &str, redis_port: u16) -> RedisSentinel {
        let mut lines: Vec<_> = self.redis_settings(port).iter().map(|(setting, value)| format!("{setting} {value}")).collect();
        lines.push("tls-replication yes".to_owned());
        RedisSentinel::start_with(name, redis_port, 1, Duration::from_secs(30), &lines).expect("Redis is installed")
    }

    fn rabbitmq(&self, port: u16) -> RabbitMq {
        let lines = [
            format!("listeners.ssl.default = 127.0.0.1:{port}"),
            format!("ssl_options.cacertfile = {}", self.certificate().display()),
            format!("ssl_options.certfile = {}", self.certificate().display()),
            format!("ssl_options.keyfile = {}", self.key().display()),
            "ssl_options.verify = verify_none".to_owned(),
        ];
        let options = RabbitMqOptions { config: lines.to_vec(), ..RabbitMqOptions::default() };
        RabbitMq::start_with(Folder::temporary().expect("a folder"), &options).expect("RabbitMQ is installed")
    }
}

/// What a client of the server trusts.
fn exec(url: &str, trusted: &Path, arguments: &[&str]) -> Command {
    let mut command = baton();
    command.arg("exec").args(arguments).args(["--endpoint", url]).env("AWS_CA_BUNDLE", trusted);
    command
}

#[test]
fn a_cluster_runs_orders_with_everything_over_tls() {
    let (identity, [store_port, queue_port]) = (Identity::new(), [free_port(), free_port()]);
    let (_store, broker) = (identity.redis(store_port), identity.rabbitmq(queue_port));
    let store = format!("rediss://127.0.0.1:{store_port}");
    let queue = format!("amqps://guest:guest@127.0.0.1:{queue_port}/%2f");
    let coordinator = |name: &str| {
        let mut command = baton();
        command.args(["coordinator", "--name", name, "--port", "0", "--store", &store, "--queue", &queue, "--tls-certificate"]);
        command.arg(identity.certificate()).arg("--tls-key").arg(identity.key());
        command.arg("--store-ca-file").arg(identity.certificate()).arg("--queue-ca-file").arg(identity.certificate());
        Process::start(&mut command)
    };
    let mut coordinators = [coordinator("a"), coordinator("b")];
    let urls = coordinators.each_mut().map(|coordinator| url_of(&coordinator.says("baton ready")));
    assert!(urls.iter().all(|url| url.starts_with("https://127.0.0.1:")), "{urls:?}");

    let functions = folder(&[("baton.toml", ECHO)]);
    let mut worker = baton();
    worker.args(["worker", "--coordinator", &urls.join(","), "--queue", &queue, "--functions"]).arg(functions.path());
    worker.arg("--coordinator-ca-file").arg(identity.certificate()).arg("--queue-ca-file").arg(identity.certificate());
    let mut worker = Process::start(&mut worker);

    let machine = json!({"name": "echo", "definition": CALLS_ECHO, "roleArn": "arn:aws:iam::123456789012:role/r"});
    call_trusting(Some(&identity.pem), &urls[0], "CreateStateMachine", machine);
    for (n, url) in urls.iter().cycle().take(EXECUTIONS).enumerate() {
        let ended = run(&mut exec(url, &identity.certificate(), &["start", "echo", "--wait", "--input", &format!("[{n}]")]));
        assert_eq!((ended.code, ended.out.trim()), (0, &*format!("[{n}]")), "{}", ended.err);
    }
    let listed = broker.ctl(&["list_connections", "ssl", "--quiet"]).expect("connections can be listed");
    assert!(listed.matches("true").count() >= 3 && !listed.contains("false"), "{listed}");

    assert_eq!(worker.stop(), Some(0), "{}", worker.heard.join("\n"));
    for coordinator in &mut coordinators {
        assert_eq!(coordinator.stop(), Some(0), "{}", coordinator.heard.join("\n"));
    }
}

#[test]
fn a_certificate_that_is_not_trusted_is_told_with_what_to_do() {
    let (identity, stranger, store_port) = (Identity::new(), Identity::new(), free_port());
    let store = identity.redis(store_port);
    let mut command = baton();
    command.args(["coordinator", "--name", "a", "--port", "0", "--store", &store.url(), "--tls-certificate"]);
    command.arg(identity.certificate()).arg("--tls-key").arg(identity.key());
    let mut coordinator = Process::start(&mut command);
    let url = url_of(&coordinator.says("baton ready"));
    let metrics = get_trusting(Some(&identity.pem), &url, "/metrics");
    let expires = metrics.lines().find_map(|line| line.strip_prefix("baton_tls_certificate_expires_timestamp_seconds "));
    let expires: f64 = expires.and_then(|seconds| seconds.parse().ok()).unwrap_or_else(|| panic!("{metrics}"));
    assert!(expires > SystemTime::now().duration_since(UNIX_EPOCH).expect("1970 is over").as_secs_f64(), "{expires}");

    let refused = run(&mut exec(&url, &stranger.certificate(), &["list"]));
    assert_eq!(refused.code, 4, "{}", refused.err);
    assert!(refused.err.contains("certificate") && refused.err.contains("AWS_CA_BUNDLE"), "{}", refused.err);
    let nothing = run(&mut exec(&url, &identity.key(), &["list"]));
    assert!(nothing.code == 2 && nothing.err.contains("AWS_CA_BUNDLE") && nothing.err.contains("key.pem"), "{}", nothing.err);
    let trusted = run(&mut exec(&url, &identity.certificate(), &["list"]));
    assert_eq!(trusted.code, 0, "{}", trusted.err);

    let mut untrusting = baton();
    let store = format!("rediss://127.0.0.1:{store_port}");
    untrusting.args(["coordinator", "--name", "b", "--port", "0", "--store", &store, "--store-ca-file"]).arg(stranger.certificate());
    let refused = run(&mut untrusting);
    assert!(refused.code == 1 && refused.err.contains("certificate") && refused.err.contains("--store-ca-file"), "{}", refused.err);
}

#[test]
fn a_renewed_certificate_is_shown_without_a_restart() {
    let (identity, renewed, store_port) = (Identity::new(), Identity::new(), free_port());
    let _store = identity.redis(store_port);
    let mut command = baton();
    command.args(["coordinator", "--name", "a", "--port", "0", "--store", &format!("rediss://127.0.0.1:{store_port}"), "--store-ca-file"]);
    command.arg(identity.certificate()).arg("--tls-certificate").arg(identity.certificate()).arg("--tls-key").arg(identity.key());
    let mut coordinator = Process::start(&mut command);
    let url = url_of(&coordinator.says("baton ready"));
    let trusts = |trusted: &Path| run(&mut exec(&url, trusted, &["list"])).code;
    assert_eq!((trusts(&identity.certificate()), trusts(&renewed.certificate())), (0, 4));

    let before = identity.folder.path().join("before.pem");
    std::fs::copy(identity.certificate(), &before).expect("it is there");
    std::fs::copy(renewed.certificate(), identity.certificate()).expect("it can be renewed");
    coordinator.says("the certificate stays as it was");
    assert_eq!(trusts(&before), 0, "without its key it is not shown");
    std::fs::copy(renewed.key(), identity.key()).expect("it can be renewed");
    coordinator.says("the certificate was renewed");
    assert_eq!((trusts(&before), trusts(&renewed.certificate())), (4, 0));
    assert_eq!(coordinator.stop(), Some(0), "{}", coordinator.heard.join("\n"));
}

#[test]
fn sentinels_are_asked_over_tls() {
    let (identity, [redis_port, sentinel_port]) = (Identity::new(), [free_port(), free_port()]);
    let (_redis, _sentinel) = (identity.redis(redis_port), identity.sentinel(sentinel_port, "orders", redis_port));
    let start = |store: &str| {
        let mut command = baton();
        command.args(["coordinator", "--name", "a", "--port", "0", "--store", store, "--store-policy", "relaxed", "--store-ca-file"]);
        command.arg(identity.certificate());
        command
    };
    let mut coordinator = Process::start(&mut start(&format!("rediss+sentinel://127.0.0.1:{sentinel_port}/orders")));
    let url = url_of(&coordinator.says("baton ready"));
    let passes = r#"{ "StartAt": "A", "States": { "A": { "Type": "Pass", "End": true } } }"#;
    let machine = json!({"name": "pass", "definition": passes, "roleArn": "arn:aws:iam::123456789012:role/r"});
    call(&url, "CreateStateMachine", machine);
    let mut exec = baton();
    let ended = run(exec.args(["exec", "start", "pass", "--wait", "--input", "[1]", "--endpoint", &url]));
    assert_eq!((ended.code, ended.out.trim()), (0, "[1]"), "{}", ended.err);
    assert_eq!(coordinator.stop(), Some(0), "{}", coordinator.heard.join("\n"));

    let refused = run(&mut start(&format!("redis+sentinel://127.0.0.1:{sentinel_port}/orders")));
    assert_eq!(refused.code, 1, "what listens for TLS only does not answer without: {}", refused.err);
}
