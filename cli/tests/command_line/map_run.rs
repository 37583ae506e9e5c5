//! `baton map-run`, and what `baton exec` says of Map Runs.

use serde_json::{Value, json};

use crate::support::{Dev, Printed, baton, folder, run, write};

const FUNCTIONS: &str = "[functions.Work]\nruntime = \"command\"\ncode = [\"sh\", \"work.sh\"]\n";
/// Fails for the items that the file `broken` names, one a line.
const WORK: &str = r#"n=$(cat); if grep -qx "$n" broken; then echo "no $n today" >&2; exit 1; fi; echo "$n"
"#;

fn machine(kind: &str, fields: Value) -> String {
    let mut each = json!({"Type": "Map", "Label": "L", "End": true, "MaxConcurrency": 2, "ItemProcessor": {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": kind}, "StartAt": "Work", "States": {
            "Work": {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:Work", "End": true}}}});
    fields.as_object().into_iter().flatten().for_each(|(name, value)| each[name] = value.clone());
    json!({"StartAt": "Each", "States": {"Each": each}}).to_string()
}

struct Site {
    folder: tempfile::TempDir,
    dev: Dev,
}

impl Site {
    fn serve(fields: Value) -> Self {
        let folder = folder(&[
            ("each.asl.json", &machine("STANDARD", fields)),
            ("pass.asl.json", r#"{"StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}}"#),
            ("baton.toml", FUNCTIONS),
            ("work.sh", WORK),
            ("broken", "2\n5\n"),
        ]);
        let dev = Dev::serve(folder.path());
        Self { folder, dev }
    }

    fn baton(&self, arguments: &[&str]) -> Printed {
        run(baton().args(arguments).args(["--endpoint", &self.dev.url]))
    }
}

#[test]
fn failures_are_shown_and_redriven() {
    let site = Site::serve(json!({"ToleratedFailureCount": 1, "MaxConcurrency": 1}));
    let failed = site.baton(&["exec", "start", "each", "--wait", "--input", "[1,2,3,4,5,6]"]);
    assert_eq!(failed.code, 1, "{}", failed.err);
    assert!(failed.err.contains("States.ExceedToleratedFailureThreshold"), "{}", failed.err);
    assert!(failed.err.contains("5 of 6 items") && failed.err.contains("2 failed"), "the tree tells how far it came: {}", failed.err);

    let described = site.baton(&["map-run", "describe"]);
    assert_eq!(described.code, 0, "{}", described.err);
    for told in ["FAILED", "6 in all, 1 pending, 3 succeeded, 2 failed", "1 failures", ":mapRun:each/L:"] {
        assert!(described.out.contains(told), "{told}: {}", described.out);
    }
    assert!(described.err.contains("baton map-run failures"), "{}", described.err);
    let json_of: Value = serde_json::from_str(&site.baton(&["map-run", "describe", "--output", "json"]).out).expect("it is JSON");
    let arn = json_of["mapRunArn"].as_str().expect("DescribeMapRun's answer").to_owned();
    let execution = site.baton(&["exec", "describe"]);
    assert!(execution.out.contains(&format!("map run  {arn}  FAILED")) && execution.out.contains("5 of 6 items"), "{}", execution.out);

    let failures = site.baton(&["map-run", "failures", &arn]);
    assert_eq!((failures.code, failures.out.lines().count()), (0, 3), "{}{}", failures.out, failures.err);
    assert!(failures.out.contains("Runtime.ExitError") && failures.out.contains("Error: Runtime exited with error"), "{}", failures.out);
    assert!(failures.err.contains("2 Runtime.ExitError"), "{}", failures.err);

    let mut seen = Vec::new();
    let mut page: Option<String> = None;
    for _ in 0..2 {
        let mut arguments = vec!["map-run", "failures", &arn, "--limit", "1", "--output", "json"];
        let given = page.take();
        given.iter().for_each(|page| arguments.extend(["--page", page]));
        let answer: Value = serde_json::from_str(&site.baton(&arguments).out).expect("it is JSON");
        seen.extend(answer["executions"].as_array().expect("a list").iter().map(|child| child["input"].clone()));
        page = answer["nextPage"].as_str().map(str::to_owned);
    }
    seen.sort_by_key(Value::to_string);
    assert_eq!(seen, ["2", "5"], "every failure is on one page");
    assert_eq!(page, None, "no page is offered that has nothing on it");

    let children = site.baton(&["exec", "list", "--map-run", &arn, "--output", "json"]);
    let children: Value = serde_json::from_str(&children.out).expect("it is JSON");
    assert_eq!(children["executions"].as_array().map(Vec::len), Some(5), "the sixth never began");
    let failed = site.baton(&["exec", "list", "--map-run", &arn, "--status", "failed"]);
    assert_eq!((failed.code, failed.out.matches("FAILED").count()), (0, 2), "{}{}", failed.out, failed.err);

    write(site.folder.path(), "broken", "");
    let redriven = site.baton(&["map-run", "redrive", &arn, "--wait"]);
    assert_eq!((redriven.code, redriven.out.trim()), (0, "[1,2,3,4,5,6]"), "{}", redriven.err);
    let described = site.baton(&["map-run", "describe", &arn]);
    assert!(described.out.contains("SUCCEEDED") && described.out.contains("6 in all, 6 succeeded"), "{}", described.out);
    assert!(described.out.contains("redriven"), "{}", described.out);

    let again = site.baton(&["map-run", "redrive", &arn]);
    assert_eq!(again.code, 1);
    assert!(again.err.contains("is SUCCEEDED and cannot be redriven") && again.err.contains("next:"), "{}", again.err);
    let none = site.baton(&["map-run", "failures", &arn]);
    assert_eq!((none.code, none.out.as_str()), (0, ""));
    assert!(none.err.contains("no child is FAILED or TIMED_OUT"), "{}", none.err);
}

#[test]
fn what_is_not_there_names_what_to_do() {
    let site = Site::serve(json!({}));
    let none = site.baton(&["map-run", "describe"]);
    assert_eq!(none.code, 3, "{}", none.err);
    site.baton(&["exec", "start", "pass", "--name", "plain", "--wait"]);
    let plain = site.baton(&["map-run", "failures", "plain"]);
    assert_eq!(plain.code, 3);
    assert!(plain.err.contains("has no Map Run") && plain.err.contains("DISTRIBUTED"), "{}", plain.err);
    let arn = "arn:aws:states:us-east-1:123456789012:mapRun:each/L:00000000-0000-8000-8000-000000000000";
    let missing = site.baton(&["map-run", "redrive", arn]);
    assert_eq!(missing.code, 3);
    assert!(missing.err.contains("Resource not found") && missing.err.contains("next:"), "{}", missing.err);
    let page = site.baton(&["map-run", "failures", "plain", "--limit", "0"]);
    assert_eq!(page.code, 2, "{}", page.err);
}

#[test]
fn limits_of_a_run_are_changed_while_it_runs() {
    let site = Site::serve(json!({"MaxConcurrency": 1}));
    write(site.folder.path(), "work.sh", "cat; while [ ! -e go ]; do sleep 0.05; done\n");
    site.baton(&["exec", "start", "each", "--name", "running", "--input", "[1,2,3]"]);
    let nothing = site.baton(&["map-run", "update", "running"]);
    assert!(nothing.code == 2 && nothing.err.contains("--max-concurrency"), "{}", nothing.err);
    let update = |limits: &[&str]| site.baton(&[&["map-run", "update", "running"], limits].concat());
    for unfit in ["101", "-1", "nan", "inf"] {
        let refused = update(&[&format!("--tolerated-failure-percentage={unfit}")]);
        assert!(refused.code == 2 && refused.err.contains("must be between 0 and 100"), "{} {}", refused.code, refused.err);
    }
    let wider = update(&["--max-concurrency", "3", "--tolerated-failure-percentage", "12.5"]);
    assert!(wider.out.contains("max concurrency  3") && wider.out.contains("12.5 % of the items"), "{}{}", wider.out, wider.err);
    let all_run = || site.baton(&["map-run", "describe", "running"]).out.contains("3 in all, 3 running");
    assert!((0..100).any(|_| all_run()), "{}", site.baton(&["map-run", "describe", "running"]).out);

    write(site.folder.path(), "go", "");
    let ended = site.baton(&["exec", "watch", "running"]);
    assert_eq!(ended.code, 0, "{}", ended.err);
    let late = update(&["--max-concurrency", "1"]);
    assert!(late.code == 1 && late.err.contains("The Map Run has ended and cannot be updated"), "{} {}", late.code, late.err);
}

/// Where no terminal is, there is a line now and then.
#[test]
fn a_run_is_watched_as_lines() {
    let site = Site::serve(json!({"ToleratedFailurePercentage": 100}));
    write(site.folder.path(), "work.sh", &format!("sleep 1.2; {WORK}"));
    let watched = site.baton(&["exec", "start", "each", "--wait", "--input", "[1,2,3,4,5,6]"]);
    assert_eq!(watched.code, 0, "{}", watched.err);
    let lines: Vec<_> = watched.err.lines().filter(|line| line.starts_with("Each: ")).collect();
    assert!(!lines.is_empty() && lines.iter().all(|line| line.contains(" of 6 items")), "{}", watched.err);
    assert!(watched.err.contains("✓ Each map") && watched.err.contains("100 %  6 of 6 items  2 failed"), "{}", watched.err);

    site.baton(&["exec", "start", "each", "--name", "running", "--input", "[1,2,3,4,5,6]"]);
    let running = site.baton(&["map-run", "redrive", "running"]);
    assert_eq!(running.code, 1);
    assert!(running.err.contains("is RUNNING and cannot be redriven") && running.err.contains("baton exec watch"), "{}", running.err);
    site.baton(&["exec", "stop", "running"]);
    let described = site.baton(&["map-run", "failures", "running", "--status", "aborted"]);
    assert_eq!(described.code, 0, "{}", described.err);
}
