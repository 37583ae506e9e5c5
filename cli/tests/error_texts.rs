//! What users read of an error has one home: a search for a text finds the one place that says it.

use std::fs;
use std::path::{Path, PathBuf};

/// Where the texts of the API, of the linter and of the query languages are.
const HOMES: [&str; 4] =
    ["coordinator/src/api/error.rs", "coordinator/src/api/constraint.rs", "shared/asl/src/message.rs", "shared/query/src/error.rs"];
/// Shorter ones are words, not texts.
const TEXT_LEN_MIN: usize = 16;

#[test]
fn each_text_is_defined_once() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate is in a workspace");
    let sources: Vec<(PathBuf, String)> = ["coordinator", "worker", "cli", "shared/asl", "shared/query", "shared/engine"]
        .iter()
        .flat_map(|crate_| rust_files(&root.join(crate_).join("src")))
        .map(|file| (file.clone(), program_of(&fs::read_to_string(file).expect("sources are text"))))
        .collect();
    let mut twice = Vec::new();
    for home in HOMES {
        let text = program_of(&fs::read_to_string(root.join(home)).expect("every home is there"));
        let texts: Vec<&str> = literals(&text).filter(|text| text.len() >= TEXT_LEN_MIN && text.contains(' ')).collect();
        assert!(!texts.is_empty(), "{home} has texts");
        for text in texts {
            let quoted = format!("\"{text}\"");
            let places: Vec<_> = sources.iter().flat_map(|(file, source)| source.matches(&*quoted).map(move |_| file)).collect();
            if places.len() > 1 {
                twice.push(format!("{text:?} in {places:?}"));
            }
        }
    }
    twice.sort();
    twice.dedup();
    assert!(twice.is_empty(), "texts with more than one home:\n{}", twice.join("\n"));
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("source folders can be read").map(|entry| entry.expect("entries can be read").path());
    let files = entries.flat_map(|path| if path.is_dir() { rust_files(&path) } else { vec![path] });
    files.filter(|path| path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with("tests.rs")).collect()
}

/// The text of a file without comments and tests.
fn program_of(source: &str) -> String {
    let program = source.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    program.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// String literals without escaped quotes in them.
fn literals(source: &str) -> impl Iterator<Item = &str> {
    source.lines().flat_map(|line| line.split('"').skip(1).step_by(2)).filter(|text| !text.ends_with('\\'))
}
