//! Everything on the port over TLS: HTTP and workers' sessions.

use std::sync::Arc;
use std::time::Duration;

use baton_coordinator::dispatch::TokenKey;
use baton_coordinator::server::{Server, ServerConfig, SharedStorage, StartError, TlsFiles, WorkerTokens};
use baton_coordinator::store::memory::MemoryStore;
use baton_proto::worker::v1::worker_client::WorkerClient;
use baton_proto::worker::v1::{HeartbeatRequest, Outcome};
use tonic::Code;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};

/// A certificate for this machine, signed by itself, and its key; in files.
fn certificate(folder: &std::path::Path) -> (TlsFiles, String) {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned(), "localhost".to_owned()]).expect("a certificate");
    let files = TlsFiles { certificate: folder.join("certificate.pem"), key: folder.join("key.pem") };
    std::fs::write(&files.certificate, made.cert.pem()).expect("it can be written");
    std::fs::write(&files.key, made.signing_key.serialize_pem()).expect("it can be written");
    (files, made.cert.pem())
}

fn config(tls: TlsFiles) -> ServerConfig {
    ServerConfig { listen: ([127, 0, 0, 1], 0).into(), tls: Some(tls), ..ServerConfig::default() }
}

async fn connect(url: String, trusted: Option<&str>) -> Result<Channel, tonic::transport::Error> {
    let endpoint = Endpoint::from_shared(url).expect("an address").connect_timeout(Duration::from_secs(10));
    let endpoint = match trusted {
        Some(pem) => endpoint.tls_config(ClientTlsConfig::new().ca_certificate(Certificate::from_pem(pem)))?,
        None => endpoint,
    };
    endpoint.connect().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_are_answered_to_those_who_trust_the_certificate() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let (files, pem) = certificate(folder.path());
    let server = Server::start(config(files)).await.expect("the server starts");
    let (secured, plain) = (format!("https://{}", server.address()), format!("http://{}", server.address()));

    let mut client = WorkerClient::new(connect(secured.clone(), Some(&pem)).await.expect("it is trusted"));
    let ack = client.complete(Outcome { report_id: 7, ..Outcome::default() }).await.expect("it answers");
    assert_eq!(ack.into_inner().report_id, 7);

    let other = tempfile::tempdir().expect("a folder for the test");
    let (_, stranger) = certificate(other.path());
    assert!(connect(secured, Some(&stranger)).await.is_err(), "another certificate is not trusted");
    let unsecured = match connect(plain, None).await {
        Ok(channel) => WorkerClient::new(channel).complete(Outcome::default()).await.is_err(),
        Err(_) => true,
    };
    assert!(unsecured, "nothing is answered without TLS");
    server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_speak_to_each_other_over_tls() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let (files, _) = certificate(folder.path());
    let store = Arc::new(MemoryStore::shared(8, Duration::from_millis(1_500)));
    let start = |name: &str| {
        let (store, token_key) = (store.clone(), TokenKey::new([3; 32]));
        let shared = SharedStorage { membership: store.clone(), store, token_key, name: name.to_owned(), address: None, weight: 1 };
        Server::start_member(config(files.clone()), shared)
    };
    let (one, other) = tokio::join!(start("one"), start("other"));
    let servers = [one.expect("it starts"), other.expect("it starts")];
    // One of them is not the owner of the catalog, and has the other answer.
    for server in &servers {
        let request = http::Request::post("/").header("x-amz-target", "AWSStepFunctions.CreateActivity");
        let request = request.body(axum::body::Body::from("{\"name\":\"a\"}")).expect("a request");
        let answer = server.api().handle(request).await;
        assert_eq!(answer.status(), 200);
    }
    assert_eq!(servers.iter().filter(|server| server.catalog().is_owner()).count(), 1);
    for server in servers {
        server.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_without_a_valid_token_are_refused() {
    let listen = ([127, 0, 0, 1], 0).into();
    let config = ServerConfig { listen, worker_tokens: WorkerTokens::new(["good"]), ..ServerConfig::default() };
    let server = Server::start(config).await.expect("the server starts");
    let mut client = WorkerClient::new(connect(format!("http://{}", server.address()), None).await.expect("it listens"));
    for (token, code) in [
        (None, Code::Unauthenticated),
        (Some("Bearer bad"), Code::Unauthenticated),
        (Some("good"), Code::Unauthenticated),
        (Some("Bearer good"), Code::Ok),
    ] {
        let request = |token: Option<&'static str>| {
            let mut request = tonic::Request::new(());
            token.map(|token| request.metadata_mut().insert("authorization", token.parse().expect("a header")));
            request
        };
        let completed = client.complete(request(token).map(|()| Outcome::default())).await;
        assert_eq!(completed.map_or_else(|status| status.code(), |_| Code::Ok), code, "{token:?}");
        let beaten = client.heartbeat(request(token).map(|()| HeartbeatRequest::default())).await;
        assert_eq!(beaten.map_or_else(|status| status.code(), |_| Code::Ok), code, "{token:?}");
        let session = client.session(request(token).map(|()| tokio_stream::empty())).await;
        assert_eq!(session.map_or_else(|status| status.code(), |_| Code::Ok), code, "{token:?}");
    }
    server.shutdown().await;
}

#[tokio::test]
async fn files_that_do_not_fit_are_named() {
    let (one, other) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let ((files, _), (others, _)) = (certificate(one.path()), certificate(other.path()));
    let missing = one.path().join("nofile.pem");
    for (tls, said) in [
        (TlsFiles { certificate: missing.clone(), ..files.clone() }, "nofile.pem holds no certificate"),
        (TlsFiles { key: missing, ..files.clone() }, "nofile.pem holds no private key"),
        (TlsFiles { key: files.certificate.clone(), ..files.clone() }, "certificate.pem holds no private key"),
        (TlsFiles { key: others.key, ..files }, "cannot be used"),
    ] {
        let error = Server::start(config(tls)).await.err().expect("it does not start");
        assert!(matches!(error, StartError::Tls(_)) && error.to_string().contains(said), "{error}");
    }
}
