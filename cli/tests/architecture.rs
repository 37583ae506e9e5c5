//! Who may import whom, and what the pure crates may not reach. A new arrow is a decision: change the table here and ARCHITECTURE.md
//! in one commit.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("cli/ lies in the workspace").to_owned()
}

/// Crates of the workspace, and the crates of the workspace that each may depend on (tests and benchmarks aside).
const CRATES: [(&str, &[&str]); 11] = [
    ("shared/query", &[]),
    ("shared/asl", &["baton-query"]),
    ("shared/engine", &["baton-query", "baton-asl"]),
    ("proto", &[]),
    ("shared/task-queue", &["baton-proto"]),
    ("shared/map-items", &[]),
    ("shared/local-services", &[]),
    ("coordinator", &["baton-query", "baton-asl", "baton-engine", "baton-map-items", "baton-proto", "baton-task-queue"]),
    ("worker", &["baton-proto", "baton-task-queue"]),
    ("cli", &["baton-asl", "baton-coordinator", "baton-local-services", "baton-worker"]),
    ("loadtest", &["baton-proto", "baton-worker", "baton-task-queue", "baton-local-services"]),
];

#[test]
fn crates_import_only_along_the_arrows() {
    for (folder, allowed) in CRATES {
        let manifest = read(&root().join(folder).join("Cargo.toml"));
        let dependencies = manifest.split("[dependencies]").nth(1).unwrap_or_default();
        let dependencies = dependencies.split("\n[").next().unwrap_or_default();
        for line in dependencies.lines().filter(|line| line.starts_with("baton-")) {
            let name = line.split(['.', ' ', '=']).next().unwrap_or_default();
            assert!(allowed.contains(&name), "{folder} may not depend on {name}; see ARCHITECTURE.md");
        }
    }
}

/// Modules of the coordinator, and the sibling modules that each may name. `server` composes them all.
const COORDINATOR: [(&str, &[&str]); 18] = [
    ("telemetry", &[]),
    ("store", &[]),
    ("history", &[]),
    ("shard", &["store"]),
    ("dispatch", &["shard"]),
    ("cluster", &["shard", "store", "dispatch", "history"]),
    ("gateway", &["cluster", "dispatch", "shard"]),
    ("peers", &["cluster", "dispatch", "shard", "store"]),
    ("delivery", &["cluster", "dispatch", "shard", "aws"]),
    ("catalog", &["store", "cluster"]),
    ("sink", &[]),
    ("aws", &[]),
    ("execution_logs", &["cluster", "history", "sink", "aws"]),
    ("status_events", &["cluster", "history", "sink", "aws"]),
    ("traces", &["cluster", "sink", "aws"]),
    ("mock_config", &[]),
    ("map_items", &["cluster", "history"]),
    ("api", &["cluster", "catalog", "dispatch", "history", "mock_config"]),
];

#[test]
fn modules_of_the_coordinator_import_only_along_the_arrows() {
    let source = root().join("coordinator/src");
    for (module, allowed) in COORDINATOR {
        for file in rust_files(&source.join(module)) {
            for named in siblings_named_in(&read(&file)) {
                // Everybody may count.
                let fine = named == module || named == "telemetry" || allowed.contains(&named.as_str()) || is_leaf(&source, &named);
                assert!(fine, "{} may not name crate::{named}; see ARCHITECTURE.md", file.display());
            }
        }
    }
}

/// Modules of one file are leaves that everybody may use; folders are rooms.
fn is_leaf(source: &Path, module: &str) -> bool {
    source.join(format!("{module}.rs")).is_file() && !source.join(module).is_dir()
}

/// The file up to its module of tests.
fn without_tests(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default()
}

fn siblings_named_in(text: &str) -> BTreeSet<String> {
    let code = without_tests(text);
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    let mentions = lines.flat_map(|line| line.split("crate::").skip(1)).inspect(|rest| {
        assert!(!rest.starts_with('{'), "one `use crate::module` for each module, so that the arrows can be seen: crate::{rest}");
    });
    mentions
        .map(|rest| rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect())
        .filter(|name: &String| !name.is_empty())
        .collect()
}

#[test]
fn pure_crates_reach_no_clock_no_randomness_and_no_io() {
    let banned = [
        "std::time::Instant",
        "SystemTime",
        "std::fs",
        "std::net",
        "std::thread::spawn",
        "std::env",
        "tokio",
        "HashMap",
        "HashSet",
        " rand::",
    ];
    for crate_folder in ["shared/query", "shared/asl", "shared/engine"] {
        assert!(root().join(crate_folder).join("clippy.toml").is_file(), "{crate_folder} keeps its own clippy.toml");
        for file in rust_files(&root().join(crate_folder).join("src")) {
            let text = read(&file);
            let code = without_tests(&text);
            for line in code.lines().filter(|line| !line.trim_start().starts_with("//")) {
                for word in banned {
                    assert!(!names(line, word), "{}: a pure crate may not use {word}: {line}", file.display());
                }
            }
        }
    }
}

/// Whether the word stands there by itself: `LinkedHashMap` is not `HashMap`.
fn names(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| !line[..at].ends_with(|c: char| c.is_alphanumeric()))
}

#[test]
fn files_stay_small_enough_to_read() {
    for (folder, _) in CRATES {
        for file in rust_files(&root().join(folder).join("src")) {
            let lines = read(&file).lines().count();
            assert!(lines <= 700, "{} has {lines} lines: which two subjects does it hold?", file.display());
        }
    }
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") && !path.ends_with("tests.rs") {
                files.push(path);
            }
        }
    }
    files
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
