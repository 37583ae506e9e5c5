//! Flags, variables and `baton.toml`.

use crate::support::{Dev, baton, folder, run};

const PASS: &str = r#"{ "StartAt": "A", "States": { "A": { "Type": "Pass", "End": true } } }"#;

#[test]
fn the_environment_is_that_of_the_server_that_would_start_here() {
    let folder = folder(&[("baton.toml", "[server]\nport = 9001\n[aws]\nregion = \"eu-central-1\"\n")]);
    let env = |variables: &[(&str, &str)]| run(baton().arg("env").current_dir(folder.path()).envs(variables.iter().copied())).out;
    for (variables, url) in [
        (&[][..], "http://127.0.0.1:9001"),
        (&[("BATON_PORT", "9002")][..], "http://127.0.0.1:9002"),
        (&[("BATON_PORT", "9002"), ("AWS_ENDPOINT_URL_SFN", "http://127.0.0.1:9003")][..], "http://127.0.0.1:9003"),
    ] {
        let printed = env(variables);
        assert!(printed.contains(&format!("AWS_ENDPOINT_URL_SFN={url}\n")), "{variables:?}: {printed}");
    }
    assert!(env(&[]).contains("AWS_REGION=eu-central-1\n"), "{}", env(&[]));
    assert!(env(&[("AWS_REGION", "us-west-2")]).contains("AWS_DEFAULT_REGION=us-west-2\n"));
}

#[test]
fn a_server_takes_region_account_and_limits_from_the_file_of_its_folder() {
    let settings = "[aws]\nregion = \"eu-central-1\"\naccount = \"111122223333\"\n[limits]\npayload_bytes = 300000\n";
    let folder = folder(&[("pass.asl.json", PASS), ("baton.toml", settings)]);
    let dev = Dev::serve(folder.path());
    dev.prints("serving arn:aws:states:eu-central-1:111122223333:stateMachine:pass");
    let arn = "arn:aws:states:eu-central-1:111122223333:stateMachine:pass";
    let start = |bytes: usize| {
        let input = folder.path().join("input.json");
        std::fs::write(&input, format!("\"{}\"", "x".repeat(bytes))).expect("it can be written");
        run(baton().args(["exec", "start", arn, "--wait", "--endpoint", &dev.url, "--input"]).arg(input))
    };
    assert_eq!(start(290_000).code, 0);
    let refused = start(310_000);
    assert!(refused.code == 1 && refused.err.contains("300000"), "{}", refused.err);
}

#[test]
fn a_mistake_in_the_file_ends_the_start_with_its_line_and_what_was_meant() {
    let folder = folder(&[("pass.asl.json", PASS), ("baton.toml", "[server]\n[limts]\n")]);
    for command in ["dev", "up"] {
        let ended = run(baton().arg(command).arg(folder.path()).args(["--port", "0", "--ephemeral"]));
        assert_eq!(ended.code, 2, "{}", ended.err);
        assert!(ended.err.contains("baton.toml:2: there is no table [limts]; did you mean [limits]?"), "{}", ended.err);
        assert!(ended.err.contains("next: docs/configuration.md"), "{}", ended.err);
    }
    let ended = run(baton().args(["coordinator", "--config"]).arg(folder.path().join("nofile.toml")));
    assert!(ended.code == 2 && ended.err.contains("nofile.toml cannot be read"), "{}", ended.err);
    let ended = run(baton().args(["worker", "--functions"]).arg(folder.path()));
    assert!(ended.code == 2 && ended.err.contains("did you mean [limits]?"), "{}", ended.err);
}

#[test]
fn a_coordinator_needs_a_store() {
    let ended = run(baton().args(["coordinator", "--name", "a", "--port", "0"]));
    assert_eq!(ended.code, 2);
    assert!(ended.err.contains("no store is named") && ended.err.contains("--store redis://HOST:PORT"), "{}", ended.err);
}

#[test]
fn coordinators_are_counted_from_1_to_16_and_with_a_cluster_alone() {
    let folder = folder(&[("pass.asl.json", PASS)]);
    for (arguments, says) in [
        (&["--cluster", "--coordinators", "0"][..], "0 is not in 1..=16"),
        (&["--cluster", "--coordinators", "17"][..], "17 is not in 1..=16"),
        (&["--coordinators", "2"][..], "--cluster"),
    ] {
        let ended = run(baton().arg("up").arg(folder.path()).args(arguments));
        assert!(ended.code == 2 && ended.err.contains(says), "{arguments:?}: {}", ended.err);
    }
}
