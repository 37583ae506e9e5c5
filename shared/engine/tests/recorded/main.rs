//! The engine against histories recorded from AWS: each recorded execution is started again, workers and time do what the
//! recording says they did, and the engine must tell the same events: type, order, `previousEventId`, name, input, output,
//! error, cause and location.
//!
//! The recordings lie beside the repository, in the folder that `CONFORMANCE_CASES` names, by default
//! `../shared/conformance/cases` seen from the workspace's root; where there are none, the test says so. They hold placeholders
//! for what differs from run to run; values with placeholders are not compared.

#![allow(unreachable_pub, reason = "a test has no public face")]

mod case;
mod compare;
mod replay;

use std::path::PathBuf;

/// Files whose cases are executions of the language itself, whatever services their tasks call.
const FILES: [&str; 31] = [
    "activities",
    "api",
    "api-aliasing",
    "arguments",
    "assign",
    "base",
    "callbacks",
    "choice",
    "comments",
    "context-object",
    "credentials",
    "error-handling",
    "error-output",
    "intrinsics",
    "jsonata",
    "logging",
    "map",
    "mock-config",
    "output",
    "parallel",
    "query-language",
    "scenarios",
    "services-aws-sdk",
    "services-dynamodb",
    "services-events",
    "services-lambda",
    "services-lambda-arn",
    "services-sfn",
    "services-sns",
    "services-sqs",
    "timeouts",
];

/// Cases that the engine cannot come out the same in, each with its reason.
const LEFT_OUT: [(&str, &str); 3] = [
    ("MAP_STATE_REFERENCE_IN_ITEM_SELECTOR", "a Map Run's children are not part of the execution"),
    ("MAP_STATE_REFERENCE_IN_TOLERATED_FAILURE_PATH", "a Map Run's children are not part of the execution"),
    ("test_map_state_lambda", "a Map Run's children are not part of the execution"),
];

#[test]
fn recorded_histories_come_out_the_same() {
    let folder = folder();
    if !folder.is_dir() {
        println!("no recordings at {}: nothing is compared", folder.display());
        return;
    }
    let mut compared = 0;
    let mut differing = Vec::new();
    for file in FILES {
        for case in case::histories(&folder.join(format!("{file}.json"))) {
            if LEFT_OUT.iter().any(|(id, _)| case.id.contains(id)) {
                continue;
            }
            compared += 1;
            if let Err(difference) = replay::run(&case) {
                differing.push(format!("{file} {}: {difference}", case.id));
            }
        }
    }
    println!("{} of {compared} recorded executions come out the same", compared - differing.len());
    assert!(differing.is_empty(), "{} of {compared} differ:\n{}", differing.len(), differing.join("\n"));
}

#[test]
fn recorded_outcomes_come_out_the_same() {
    let folder = folder();
    if !folder.is_dir() {
        println!("no recordings at {}: nothing is compared", folder.display());
        return;
    }
    let outcomes: Vec<_> = FILES.iter().flat_map(|file| case::outcomes(&folder.join(format!("{file}.json")))).collect();
    let differing = outcomes.iter().filter_map(|outcome| Some(format!("{}: {}", outcome.id, replay::outcome(outcome).err()?)));
    let differing: Vec<String> = differing.collect();
    println!("{} of {} recorded outputs come out the same", outcomes.len() - differing.len(), outcomes.len());
    assert!(differing.is_empty(), "{} of {} differ:\n{}", differing.len(), outcomes.len(), differing.join("\n"));
}

fn folder() -> PathBuf {
    let by_default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/conformance/cases");
    std::env::var_os("CONFORMANCE_CASES").map_or_else(|| PathBuf::from(by_default), PathBuf::from)
}
