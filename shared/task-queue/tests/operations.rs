//! What an operator sees and sets: the shipped definitions, the facts of `doctor`, TLS.

mod support;

use std::process::Command;
use std::sync::OnceLock;

use baton_local_services::{Folder, RabbitMq, RabbitMqOptions, free_port};
use baton_task_queue::{
    BrokerFacts, Fact, PolicyState, QueueError, QueueType, RabbitMqQueue, RabbitMqSettings, TaskQueue, inspect, shipped_policies,
};
use support::{drained, each_once, is_up, namespace, offer, soon};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const DEFINITIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/rabbitmq/definitions.json");
const CERTIFICATES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/certificates");
const QUEUE: &str = "lambda:Pay";

/// With its management plugin; the port of that.
fn broker() -> &'static (RabbitMq, u16) {
    static BROKER: OnceLock<(RabbitMq, u16)> = OnceLock::new();
    BROKER.get_or_init(|| {
        let port = free_port();
        let config = vec!["management.tcp.ip = 127.0.0.1".to_owned(), format!("management.tcp.port = {port}")];
        let options = RabbitMqOptions { plugins: vec!["rabbitmq_management".to_owned()], config, ..RabbitMqOptions::default() };
        let broker = RabbitMq::start_with(Folder::temporary().expect("a folder"), &options);
        (broker.expect("rabbitmq-server is installed (scripts/services.sh)"), port)
    })
}

fn settings(url: &str, management: u16) -> RabbitMqSettings {
    let management = Some(format!("http://guest:guest@127.0.0.1:{management}"));
    RabbitMqSettings { management, ..RabbitMqSettings::new(url, namespace()).expect("an address") }
}

async fn facts(settings: &RabbitMqSettings) -> BrokerFacts {
    soon(async {
        loop {
            match inspect(settings).await {
                // On a machine with much else to do.
                Err(reason) if reason.contains("no answer within") => {}
                other => return other.expect("the broker answers"),
            }
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_tells_what_it_is_and_how_it_is_set_up() {
    let (broker, management) = broker();
    let settings = settings(&broker.url(), *management);
    let found = facts(&settings).await;
    assert_eq!(found.product, Fact::Known("RabbitMQ".to_owned()));
    let name = broker.ctl(&["eval", "rabbit_nodes:cluster_name()."]).expect("rabbitmqctl reaches it");
    let Fact::Known(cluster_name) = &found.cluster_name else { panic!("{found:?}") };
    assert!(name.contains(&format!("\"{cluster_name}\"")), "{name} {found:?}");
    let version = broker.ctl(&["eval", "rabbit_misc:version()."]).expect("rabbitmqctl reaches it");
    assert!(matches!(&found.version, Fact::Known(found) if version.contains(found.as_str())), "{version} {found:?}");
    assert_eq!((&found.members, &found.policies), (&Fact::Known(1), &Fact::Known(PolicyState::Missing)));

    // As an operator would: the file, or the commands.
    broker.ctl(&["import_definitions", DEFINITIONS]).expect("the broker loads them");
    assert_eq!(facts(&settings).await.policies, Fact::Known(PolicyState::InPlace));
    for policy in shipped_policies() {
        broker.ctl(&["clear_policy", &policy.name]).expect("it is there");
    }
    for policy in shipped_policies() {
        let arguments = arguments_of(&policy.command("/"));
        broker.ctl(&arguments.iter().map(String::as_str).collect::<Vec<_>>()).expect("the command is right");
    }
    assert_eq!(facts(&settings).await.policies, Fact::Known(PolicyState::InPlace));

    for queue_type in [QueueType::Classic, QueueType::Quorum] {
        let queue = RabbitMqQueue::start(RabbitMqSettings { queue_type: Some(queue_type), ..settings.clone() });
        is_up(&queue).await;
        queue.publish(queue_type.name(), vec![offer(1)]).await.expect("the broker takes it");
    }
    let settings_of = |queue_type: QueueType| {
        let found =
            format!("rabbit_amqqueue:lookup(rabbit_misc:r(<<\"/\">>, queue, <<\"q.{}.{}\">>))", settings.namespace, queue_type.name());
        format!(
            "[begin {{ok, Q}} = {found}, rabbit_policy:get(S, Q) end || S <- [<<\"max-length-bytes\">>, <<\"overflow\">>, <<\"delivery-limit\">>]]"
        )
    };
    let both = format!("{{{}, {}}}.", settings_of(QueueType::Classic), settings_of(QueueType::Quorum));
    let in_force: String = broker.ctl(&["eval", &both]).expect("rabbitmqctl reaches it").split_whitespace().collect();
    assert_eq!(in_force, r#"{[1073741824,<<"reject-publish">>,undefined],[1073741824,<<"reject-publish">>,1000]}"#);

    broker.ctl(&["set_policy", "--priority", "50", "strict", "^q", r#"{"max-length":5}"#]).expect("a policy");
    assert_eq!(facts(&settings).await.policies, Fact::Known(PolicyState::Other { name: "strict".to_owned() }));
}

/// As a shell takes them apart.
fn arguments_of(command: &str) -> Vec<String> {
    let script = format!("rabbitmqctl() {{ printf '%s\\n' \"$@\"; }}; {command}");
    let output = Command::new("/bin/sh").args(["-c", &script]).output().expect("a shell");
    assert!(output.status.success(), "{command}");
    String::from_utf8(output.stdout).expect("text").lines().map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_found_out_says_why() {
    let (broker, management) = broker();
    let nobody = free_port();
    let found = facts(&settings(&broker.url(), nobody)).await;
    assert_eq!(found.product, Fact::Known("RabbitMQ".to_owned()));
    for reason in [unknown(&found.members), unknown(&found.policies)] {
        assert!(reason.contains(&format!("no management API at 127.0.0.1:{nobody}")), "{reason}");
    }

    let strangers = RabbitMqSettings { management: Some(format!("http://a:b@127.0.0.1:{management}")), ..settings(&broker.url(), nobody) };
    assert!(unknown(&facts(&strangers).await.members).contains("401"));
    let tls = RabbitMqSettings { management: Some("https://a:b@127.0.0.1".to_owned()), ..strangers };
    assert!(unknown(&facts(&tls).await.members).contains("http://user:password@host:port"));

    let dead = settings(&format!("amqp://guest:guest@127.0.0.1:{nobody}"), nobody);
    let error = inspect(&dead).await.expect_err("nobody is there");
    assert!(error.starts_with(&format!("amqp://guest@127.0.0.1:{nobody}: ")), "{error}");
    // Somebody who speaks something else.
    let other = answering("[]").await;
    let error = inspect(&settings(&format!("amqp://guest:guest@127.0.0.1:{other}"), nobody)).await.expect_err("it is no broker");
    assert!(error.contains("AMQP 0-9-1"), "{error}");
}

fn unknown<T: std::fmt::Debug>(fact: &Fact<T>) -> String {
    match fact {
        Fact::Unknown(reason) => reason.clone(),
        Fact::Known(value) => panic!("{value:?} is not known"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn queues_are_made_for_as_many_members_as_the_broker_has() {
    let (broker, _) = broker();
    for (members, wanted) in [("[{\"running\":true}]", "classic"), ("[{\"running\":true},{\"running\":true},{\"running\":true}]", "quorum")]
    {
        let settings = settings(&broker.url(), answering(members).await);
        let queue = RabbitMqQueue::start(settings.clone());
        is_up(&queue).await;
        queue.publish(QUEUE, vec![offer(1)]).await.expect("the broker takes it");
        let consumer = queue.consume("lambda:Consumed", 1).await.expect("a consumer");
        let queues = broker.ctl(&["list_queues", "--silent", "name", "type"]).expect("queues");
        for name in [QUEUE, "lambda:Consumed"] {
            let line = format!("q.{}.{name}\t{wanted}", settings.namespace);
            assert!(queues.lines().any(|found| found == line), "{line}: {queues}");
        }
        drop(consumer);
    }
}

/// A management API that has one answer; its port.
async fn answering(body: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("it is bound").port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    port
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_with_the_documented_permissions_can_work_and_others_are_refused() {
    let (broker, _) = broker();
    broker.ctl(&["add_user", "baton", "secret"]).expect("a user");
    let ours = r"^(baton|q\..*)$";
    broker.ctl(&["set_permissions", "baton", ours, ours, ours]).expect("permissions");
    let url = format!("amqp://baton:secret@127.0.0.1:{}/%2f", broker.port());
    let queue = RabbitMqQueue::start(settings(&url, free_port()));
    is_up(&queue).await;
    queue.publish(QUEUE, vec![offer(1)]).await.expect("the broker takes it");
    let mut consumer = queue.consume(QUEUE, 10).await.expect("a consumer");
    assert_eq!(drained(&mut consumer, 1).await, each_once(1..2));
    broker.ctl(&["set_permissions", "baton", "^baton$", ours, ours]).expect("permissions");
    let error = soon(async {
        // The broker remembers permissions for a moment, for each channel.
        for number in 0.. {
            if let Err(error) = queue.publish(&format!("lambda:{number}"), vec![offer(1)]).await {
                return error;
            }
        }
        unreachable!("numbers do not end")
    });
    let error = error.await;
    assert!(matches!(&error, QueueError::Refused { reason, .. } if reason.contains("ACCESS_REFUSED")), "{error}");
    assert!(queue.link().borrow().is_up);
}

#[tokio::test(flavor = "multi_thread")]
async fn amqps_trusts_the_authority_that_it_is_given_and_no_other() {
    let port = free_port();
    let option = |name: &str, file: &str| format!("ssl_options.{name} = {CERTIFICATES}/{file}");
    let config = vec![
        format!("listeners.ssl.1 = 127.0.0.1:{port}"),
        option("cacertfile", "ca.pem"),
        option("certfile", "server.pem"),
        option("keyfile", "server.key"),
    ];
    let options = RabbitMqOptions { config, ..RabbitMqOptions::default() };
    let _broker = RabbitMq::start_with(Folder::temporary().expect("a folder"), &options).expect("rabbitmq-server is installed");
    let stranger = settings(&format!("amqps://guest:guest@127.0.0.1:{port}/%2f"), free_port());
    let error = inspect(&stranger).await.expect_err("nobody vouches for it");
    assert!(error.contains("UnknownIssuer"), "{error}");
    let queue = RabbitMqQueue::start(stranger.clone());
    let error = loop {
        match queue.publish(QUEUE, vec![offer(1)]).await {
            Err(QueueError::Away(reason)) if reason.contains("being made") => {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await
            }
            other => break other.expect_err("nobody vouches for it"),
        }
    };
    assert!(matches!(&error, QueueError::Away(reason) if reason.contains("UnknownIssuer")), "{error}");

    let authority = std::fs::read_to_string(format!("{CERTIFICATES}/ca.pem")).expect("it is there");
    let settings = RabbitMqSettings { certificates: Some(authority), ..stranger };
    assert_eq!(facts(&settings).await.product, Fact::Known("RabbitMQ".to_owned()));
    let queue = RabbitMqQueue::start(settings);
    is_up(&queue).await;
    queue.publish(QUEUE, vec![offer(1)]).await.expect("the broker takes it");
    let mut consumer = queue.consume(QUEUE, 10).await.expect("a consumer");
    assert_eq!(drained(&mut consumer, 1).await, each_once(1..2));
}
