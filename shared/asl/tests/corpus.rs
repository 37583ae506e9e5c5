//! Definitions that are kept beside the repository: real ones of which it is known whether AWS takes them, and those of the
//! conformance cases, which AWS has taken or refused when the cases were recorded. Absent folders are skipped with a word.
#![allow(missing_docs, clippy::disallowed_methods, reason = "this test reads files")]

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use baton_asl::{Format, MachineType, Severity, lint, parse};
use serde_json::Value;

/// Beside the workspace.
fn shared(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared").join(folder)
}

fn read_json(path: &Path) -> Option<Value> {
    let text = std::fs::read_to_string(path).ok()?;
    Some(serde_json::from_str(&text).expect("the file holds JSON"))
}

fn errors(definition: &str, kind: MachineType) -> Vec<String> {
    let (machine, diagnostics) = lint(definition, Format::Json, kind);
    let errors: Vec<String> = diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.severity == Severity::Error)
        .map(|diagnostic| format!("{}: {} at {:?}", diagnostic.code.text(), diagnostic.message, diagnostic.location))
        .collect();
    assert_eq!(machine.is_some(), errors.is_empty());
    errors
}

/// What a deployment puts for `${Name}`: an ARN where a Task wants one, the partition in an ARN, and otherwise the name itself.
fn substitute(definition: &str) -> String {
    let mut text = String::new();
    let mut rest = definition;
    while let Some(at) = rest.find("${") {
        let (before, placeholder) = rest.split_at(at);
        let end = placeholder.find('}').map_or(placeholder.len(), |end| end + 1);
        text.push_str(before);
        let is_resource = before.trim_end_matches('"').trim_end().ends_with("\"Resource\":") && before.ends_with('"');
        if is_resource {
            text.push_str("arn:aws:lambda:us-east-1:123456789012:function:substituted");
        } else if before.ends_with("arn:") {
            text.push_str("aws");
        } else {
            text.push_str(placeholder[..end].trim_start_matches("${").trim_end_matches('}'));
        }
        rest = &placeholder[end..];
    }
    text + rest
}

#[test]
fn real_definitions() {
    let folder = shared("definitions");
    let Some(index) = read_json(&folder.join("index.json")) else {
        return println!("{} is not there, nothing checked", folder.display());
    };
    let (mut agreeing, mut judged) = (0, 0);
    for entry in index.as_array().expect("a list") {
        let id = entry["id"].as_str().expect("an id");
        let text = std::fs::read_to_string(folder.join(format!("{id}.asl.json"))).expect("the definition is there");
        let errors = errors(&substitute(&text), MachineType::Standard);
        // A definition about which the sources disagree is judged as AWS judges by what is known of it.
        let is_valid = match (entry["expect"].as_str(), id) {
            (Some("valid"), _) | (Some("disputed"), "11985806c7") => true,
            (Some("invalid" | "disputed"), _) => false,
            _ => continue,
        };
        judged += 1;
        if is_valid == errors.is_empty() {
            agreeing += 1;
        } else {
            println!("{id} {} should be {}: {errors:#?}", entry["path"], if is_valid { "valid" } else { "invalid" });
        }
    }
    println!("{agreeing} of {judged} definitions agree");
    assert_eq!(agreeing, judged);
}

/// Prints how long an average real definition takes to read; run with `--release --nocapture` it is a measurement.
#[test]
fn real_definitions_are_read_fast() {
    let folder = shared("definitions");
    let Ok(files) = std::fs::read_dir(&folder) else {
        return println!("{} is not there, nothing measured", folder.display());
    };
    let paths = files.map(|file| file.expect("readable").path()).filter(|path| path.to_string_lossy().ends_with(".asl.json"));
    let texts: Vec<String> = paths.map(|path| substitute(&std::fs::read_to_string(path).expect("readable"))).collect();
    let start = Instant::now();
    for _ in 0..ROUNDS {
        texts.iter().for_each(|text| drop(parse(text, MachineType::Standard)));
    }
    let average = start.elapsed() / u32::try_from(ROUNDS * texts.len()).expect("few");
    let bytes = texts.iter().map(String::len).sum::<usize>() / texts.len();
    println!("{average:?} for a definition of {bytes} bytes");
    assert!(average < Duration::from_millis(20), "{average:?}, even for a debug build");
}

const ROUNDS: usize = 5;

#[test]
fn recorded_definitions() {
    let folder = shared("conformance/cases");
    let Ok(files) = std::fs::read_dir(&folder) else {
        return println!("{} is not there, nothing checked", folder.display());
    };
    let mut files: Vec<PathBuf> = files.map(|file| file.expect("readable").path()).collect();
    files.sort();
    let (mut agreeing, mut judged) = (0, 0);
    for file in files {
        let cases = read_json(&file).expect("a file of cases");
        for case in cases["cases"].as_array().expect("a list") {
            let expected = case["expected"].to_string();
            let is_refused = expected.contains("InvalidDefinition") || expected.contains("\"FAIL\"");
            let is_express = expected.contains("Express state machine");
            for definition in case["definitions"].as_array().expect("a list").iter().filter(|d| d["States"].is_object()) {
                let text = placeholders(&definition.to_string());
                let kind = if is_express { MachineType::Express } else { MachineType::Standard };
                let errors = errors(&text, kind);
                judged += 1;
                if is_refused != errors.is_empty() {
                    agreeing += 1;
                } else {
                    println!("{} should be {}: {errors:#?}\n{text}", case["id"], if is_refused { "refused" } else { "taken" });
                }
            }
        }
    }
    println!("{agreeing} of {judged} recorded definitions agree");
    assert_eq!(agreeing, judged);
}

/// The cases name resources that are made while they run.
fn placeholders(definition: &str) -> String {
    let mut text = String::new();
    let mut rest = definition;
    while let Some((before, after)) = rest.split_once("<<") {
        let (name, behind) = after.split_once(">>").expect("a placeholder ends");
        text.push_str(before);
        text.push_str(match name {
            name if name.contains("activity") => "arn:aws:states:us-east-1:123456789012:activity:a",
            name if name.contains("unctionArn") || name.contains("lambda") => "arn:aws:lambda:us-east-1:123456789012:function:f",
            _ => "placeholder",
        });
        rest = behind;
    }
    text + rest
}
