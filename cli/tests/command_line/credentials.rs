//! Who is let in.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use crate::support::{Dev, baton, folder, run};

const FUNCTIONS: &str = "[functions.Echo]\nruntime = \"command\"\ncode = [\"cat\"]\n";

fn worker(folder: &std::path::Path, url: &str) -> Command {
    let mut command = baton();
    command.args(["worker", "--coordinator", url, "--functions"]).arg(folder);
    command
}

#[test]
fn a_worker_without_a_valid_token_is_refused() {
    let served = folder(&[("baton.toml", "[server]\nworker_tokens = [\"old-token\", \"new-token\"]\n")]);
    let functions = folder(&[("baton.toml", FUNCTIONS)]);
    // The worker inside is let in, or it would not get ready.
    let dev = Dev::serve(served.path());
    for token in [None, Some("another-token")] {
        let refused = run(worker(functions.path(), &dev.url).envs(token.map(|token| ("BATON_WORKER_TOKEN", token))));
        assert_eq!(refused.code, 1, "{}", refused.err);
        assert!(refused.err.contains("does not let this worker in") && refused.err.contains("BATON_WORKER_TOKEN"), "{}", refused.err);
        assert!(!refused.err.contains("another-token"), "{}", refused.err);
    }
    for token in ["old-token", "new-token"] {
        let mut child =
            worker(functions.path(), &dev.url).env("BATON_WORKER_TOKEN", token).stdout(Stdio::piped()).spawn().expect("it starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("it is piped")).read_line(&mut line).expect("it prints");
        child.kill().and_then(|()| child.wait()).expect("it is our child");
        assert_eq!(line, "baton worker ready\n");
    }
    assert!(!dev.err().contains("-token"), "{}", dev.err());
}

#[test]
fn a_single_server_does_not_pass_tls_over_in_silence() {
    let served = folder(&[("baton.toml", "[server]\ntls_certificate = \"c.pem\"\ntls_key = \"k.pem\"\n")]);
    let ended = run(baton().arg("dev").arg(served.path()).args(["--port", "0", "--ephemeral"]));
    assert!(ended.code == 2 && ended.err.contains("without TLS"), "{}", ended.err);
}
