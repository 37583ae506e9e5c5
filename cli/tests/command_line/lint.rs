//! Findings go to standard output, each cause once, with a line that sums them up.

use crate::support::{baton, folder, run};

const SOUND: &str = r#"{ "StartAt": "A", "States": { "A": { "Type": "Succeed" } } }"#;
const MISTYPED: &str = r#"{ "StartAt": "A", "States": {
  "A": { "Type": "Pass", "Next": "Bee" },
  "Bea": { "Type": "Pass", "Next": "C" },
  "C": { "Type": "Succeed" } } }"#;

#[test]
fn success_is_said() {
    let folder = folder(&[("a.asl.json", SOUND), ("b.asl.json", SOUND)]);
    let printed = run(baton().arg("lint").arg(folder.path().join("a.asl.json")).arg(folder.path().join("b.asl.json")));
    assert_eq!((printed.out.as_str(), printed.err.as_str(), printed.code), ("2 files, no problems\n", "", 0));
}

#[test]
fn a_mistyped_target_is_one_error_for_people_and_three_for_programs() {
    let folder = folder(&[("a.asl.json", MISTYPED)]);
    let file = folder.path().join("a.asl.json");
    let printed = run(baton().arg("lint").arg(&file));
    assert_eq!((printed.code, printed.err.as_str()), (6, ""));
    assert_eq!(printed.out.matches("Error:").count(), 1, "{}", printed.out);
    assert!(printed.out.contains("did you mean `Bea`?") && printed.out.ends_with("\n1 file, 1 error\n"), "{}", printed.out);
    assert!(printed.out.contains("note: not shown: 2 states that nothing leads to"), "{}", printed.out);
    let json = run(baton().args(["lint", "--output", "json"]).arg(&file));
    let found: Vec<serde_json::Value> = serde_json::from_str(&json.out).expect("an array");
    assert_eq!((found.len(), json.code), (3, 6));
}

#[test]
fn a_state_that_nothing_leads_to_is_an_error_of_its_own_elsewhere() {
    let text = r#"{ "StartAt": "A", "States": { "A": { "Type": "Succeed" }, "Lonely": { "Type": "Succeed" } } }"#;
    let folder = folder(&[("a.asl.json", text)]);
    let printed = run(baton().arg("lint").arg(folder.path().join("a.asl.json")));
    assert!(printed.out.contains("Lonely") && printed.out.ends_with("\n1 file, 1 error\n"), "{}", printed.out);
}

#[test]
fn text_that_is_no_json_is_drawn_once() {
    let folder = folder(&[("a.asl.json", "{ \"StartAt\": \"A\",\n  \"States\": nonsense }")]);
    let printed = run(baton().arg("lint").arg(folder.path().join("a.asl.json")));
    assert_eq!(printed.out.matches("nonsense").count(), 2, "once in the message, once in the source: {}", printed.out);
    assert!(!printed.out.contains("[Source:"), "{}", printed.out);
    assert_eq!(printed.code, 6);
}

#[test]
fn a_file_that_is_not_there_is_not_found() {
    let printed = run(baton().args(["lint", "nowhere.asl.json"]));
    assert_eq!(printed.code, 3);
    assert!(printed.err.contains("nowhere.asl.json") && printed.err.contains("next:"), "{}", printed.err);
}

#[test]
fn a_file_that_is_no_text_does_not_hide_the_others() {
    let folder = folder(&[("good.asl.json", SOUND)]);
    let bad = folder.path().join("bad.asl.json");
    std::fs::write(&bad, b"\xff\xfe{}").expect("files can be written");
    let printed = run(baton().arg("lint").arg(&bad).arg(folder.path().join("good.asl.json")));
    assert_eq!((printed.out.as_str(), printed.code), ("1 file, no problems\n", 2));
    assert!(printed.err.contains("bad.asl.json") && printed.err.contains("UTF-8"), "{}", printed.err);
    let printed = run(baton().arg("run").arg(folder.path().join("good.asl.json")));
    assert_eq!(printed.code, 0, "the bad file is not asked for: {}", printed.err);
}

#[test]
fn a_line_of_any_length_is_drawn_around_the_finding() {
    let states: String = (0..2_000).map(|number| format!(r#""S{number}":{{"Type":"Pass","Next":"End"}},"#)).collect();
    let text = format!(r#"{{"StartAt":"S0","States":{{{states}"End":{{"Type":"Pass","Next":"No\u001b[31mwhere"}}}}}}"#);
    let folder = folder(&[("a.asl.json", &text)]);
    let printed = run(baton().arg("lint").arg(folder.path().join("a.asl.json")));
    assert_eq!(printed.code, 6);
    assert!(printed.out.len() < 20_000 && !printed.out.contains('\u{1b}'), "{} bytes", printed.out.len());
    assert!(printed.out.contains("Next") && printed.out.contains("cut around line 1"), "{}", printed.out);
}

#[test]
fn a_reader_that_has_seen_enough_ends_nothing_badly() {
    let script = format!("{} completions bash | head -c 20", env!("CARGO_BIN_EXE_baton"));
    let printed = run(std::process::Command::new("bash").args(["-o", "pipefail", "-c", &script]));
    assert_eq!((printed.code, printed.err.as_str()), (0, ""));
}
