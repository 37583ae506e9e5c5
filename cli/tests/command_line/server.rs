//! Commands that speak to a server, and the server that follows its folder.

use crate::support::{Dev, baton, folder, run, write};

const PASS: &str = r#"{ "StartAt": "A", "States": { "A": { "Type": "Pass", "End": true } } }"#;

#[test]
fn the_endpoint_is_taken_anywhere() {
    let folder = folder(&[("pass.asl.json", PASS)]);
    let dev = Dev::serve(folder.path());
    let at = ["--endpoint", &*dev.url];
    let ways: [Vec<&str>; 4] = [
        [&at[..], &["exec", "start", "pass", "--wait"]].concat(),
        [&["exec"], &at[..], &["start", "pass", "--wait"]].concat(),
        [&["exec", "start", "pass", "--wait"], &at[..]].concat(),
        [&["exec", "start"], &at[..], &["pass", "--wait"]].concat(),
    ];
    for way in ways {
        let ended = run(baton().args(&way));
        assert_eq!((ended.code, ended.out.trim()), (0, "{}"), "{way:?}: {}", ended.err);
    }
    let from_environment = run(baton().args(["exec", "list"]).env("AWS_ENDPOINT_URL_SFN", &dev.url));
    assert_eq!(from_environment.out.lines().count(), 5, "{}", from_environment.out);
    let env = run(baton().args(["--endpoint", "http://127.0.0.1:1", "env"]));
    assert!(env.out.contains("AWS_ENDPOINT_URL_SFN=http://127.0.0.1:1\n"), "{}", env.out);
}

#[test]
fn a_history_is_one_line_for_each_event() {
    let folder = folder(&[("pass.asl.json", PASS)]);
    let dev = Dev::serve(folder.path());
    let long = format!("{{\n  \"long\": \"{}\",\n  \"more\": 1\n}}", "x".repeat(5_000));
    let started = run(baton().args(["exec", "start", "pass", "--wait", "--endpoint", &dev.url, "--input", &long]));
    assert_eq!(started.code, 0, "{}", started.err);
    let history = run(baton().args(["exec", "history", "--endpoint", &dev.url]));
    let lines: Vec<_> = history.out.lines().collect();
    assert_eq!(lines.len(), 1 + 4, "{}", history.out);
    assert!(lines.iter().all(|line| line.chars().count() < 300), "{}", history.out);
    let whole = run(baton().args(["exec", "history", "--output", "json", "--endpoint", &dev.url]));
    assert!(whole.out.contains(&"x".repeat(5_000)));
}

#[test]
fn a_table_that_cannot_be_read_again_leaves_what_serves() {
    let folder = folder(&[("pass.asl.json", PASS), ("baton.toml", "")]);
    let dev = Dev::serve(folder.path());
    write(folder.path(), "baton.toml", "[functions.Broken]\nruntime = 7\n");
    dev.prints("functions and definitions keep serving as they were");
    assert!(dev.err().contains("error:"), "{}", dev.err());
    let ended = run(baton().args(["exec", "start", "pass", "--wait", "--endpoint", &dev.url]));
    assert_eq!(ended.code, 0, "{}", ended.err);
}

#[test]
fn an_input_file_that_is_not_there_is_named() {
    let folder = folder(&[("pass.asl.json", PASS)]);
    let file = folder.path().join("pass.asl.json");
    let missing = run(baton().arg("run").arg(&file).args(["--input", "nofile.json"]));
    assert_eq!(missing.code, 3);
    assert!(missing.err.contains("the input file nofile.json does not exist"), "{}", missing.err);
    let no_json = run(baton().arg("run").arg(&file).args(["--input", "{\"a\": /}"]));
    assert_eq!(no_json.code, 2);
    assert!(no_json.err.contains("--input is not JSON"), "{}", no_json.err);
}
