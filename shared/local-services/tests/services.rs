//! Servers get ready, keep their data over a kill, and end with who started them.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use baton_local_services::{Folder, RabbitMq, Redis};

#[test]
fn a_killed_redis_comes_back_with_its_data() {
    let mut redis =
        Redis::start_with(Folder::temporary().expect("a folder"), &["--appendfsync", "always"]).expect("redis-server is installed");
    assert_eq!(answer_of(redis.port(), "SET a 1"), "+OK");
    let port = redis.port();
    redis.kill();
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err() && redis.pid().is_none());
    redis.restart().expect("it starts again");
    assert_eq!(answer_of(port, "GET a"), "$1");
    redis.stop();
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
}

#[test]
fn a_redis_that_cannot_start_says_where_its_log_is() {
    let folder = Folder::temporary().expect("a folder");
    let error = Redis::start_with(folder, &["--no-such-option", "1"]).expect_err("it must not start");
    assert!(error.to_string().contains("output.log"), "{error}");
}

#[test]
fn a_rabbitmq_keeps_its_name_and_queues_and_ends_with_its_handle() {
    let mut broker = RabbitMq::start().expect("rabbitmq-server is installed");
    let name = broker.ctl(&["eval", "node()."]).expect("rabbitmqctl reaches it");
    broker.ctl(&["add_vhost", "other"]).expect("a virtual host");
    broker.kill();
    assert!(TcpStream::connect(("127.0.0.1", broker.port())).is_err());
    broker.restart().expect("it starts again");
    assert_eq!(broker.ctl(&["eval", "node()."]).expect("rabbitmqctl reaches it"), name);
    assert!(broker.ctl(&["list_vhosts", "--silent"]).expect("virtual hosts").lines().any(|line| line == "other"));
    assert!(broker.ctl(&["no_such_command"]).is_err());
    let port = broker.port();
    drop(broker);
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
}

/// This test, run as another process, starts a server and waits to be killed.
#[test]
fn a_server_ends_when_its_process_is_killed() {
    const CHILD: &str = "BATON_TEST_STARTS_A_SERVER";
    if std::env::var_os(CHILD).is_some() {
        let redis = Redis::start().expect("redis-server is installed");
        println!("\nport {} {}", redis.port(), redis.folder().path().display());
        std::thread::sleep(Duration::from_secs(600));
        return;
    }
    let this = std::env::current_exe().expect("this program");
    let arguments = ["--exact", "--nocapture", "a_server_ends_when_its_process_is_killed"];
    let mut child = Command::new(this).args(arguments).env(CHILD, "1").stdout(Stdio::piped()).spawn().expect("this program runs");
    let lines = BufReader::new(child.stdout.take().expect("its output")).lines();
    let ready = lines.map_while(Result::ok).find_map(|line| line.strip_prefix("port ").map(str::to_owned));
    let ready = ready.expect("the server of the other process is ready");
    let (port, folder) = ready.split_once(' ').expect("a port and a folder");
    let (port, folder) = (port.parse().expect("a port"), Path::new(folder));
    assert!(folder.is_dir());
    assert_eq!(answer_of(port, "PING"), "+PONG");
    child.kill().expect("it can be killed");
    child.wait().expect("it has ended");
    let patience = Instant::now() + Duration::from_secs(10);
    while TcpStream::connect(("127.0.0.1", port)).is_ok() || folder.exists() {
        assert!(Instant::now() < patience, "the server, or its folder, outlives the process that started it");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The first line.
fn answer_of(port: u16, command: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("the server listens");
    stream.write_all(format!("{command}\r\n").as_bytes()).expect("it reads");
    let mut byte = [0];
    let mut line = String::new();
    while stream.read_exact(&mut byte).is_ok() && byte != *b"\r" {
        line.push(byte[0].into());
    }
    line
}
