//! What handlers write is shown once, with the names of its function and execution.

use crate::support::{Dev, baton, folder, run};

const MACHINE: &str = r#"{ "StartAt": "Say", "States": { "Say": {
    "Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:Speaker", "End": true } } }"#;
const TABLE: &str = r#"
[functions.Speaker]
runtime = "command"
code = ["sh", "-c", "cat >/dev/null; echo heard you >&2; echo '\"done\"'"]
"#;

fn speaker() -> tempfile::TempDir {
    folder(&[("speaker.asl.json", MACHINE), ("baton.toml", TABLE)])
}

#[test]
fn a_server_shows_each_line_once() {
    let folder = speaker();
    let dev = Dev::serve(folder.path());
    let ended = run(baton().args(["exec", "start", "speaker", "--name", "order-7", "--wait", "--endpoint", &dev.url]));
    assert_eq!((ended.code, ended.out.trim()), (0, "\"done\""), "{}", ended.err);
    dev.prints("heard you");
    let err = dev.stop();
    let lines: Vec<_> = err.lines().filter(|line| line.contains("heard you")).collect();
    assert_eq!(lines.len(), 1, "{err}");
    assert!(lines[0].ends_with("Speaker order-7 | heard you"), "{err}");
    assert!(!err.contains("WARN"), "a clean end warns of nothing: {err}");
}

#[test]
fn one_execution_shows_them_above_its_tree() {
    let folder = speaker();
    let file = folder.path().join("speaker.asl.json");
    let ended = run(baton().arg("run").arg(&file));
    assert_eq!((ended.code, ended.out.trim()), (0, "\"done\""), "{}", ended.err);
    assert_eq!(ended.err.lines().next(), Some("Speaker | heard you"), "{}", ended.err);
    assert!(ended.err.contains("succeeded after") && !ended.err.contains("WARN"), "{}", ended.err);
    assert_eq!(run(baton().args(["run", "--quiet"]).arg(&file)).err, "");
}
