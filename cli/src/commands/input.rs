//! Inputs as people give them: JSON text, a file's path, or `-`.

use std::io::Read;

use crate::exit::{CliError, CliResult, Exit};

/// The input's JSON text, checked.
pub(crate) fn read(given: &str) -> CliResult<String> {
    let (text, source) = if given == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map_err(|error| unreadable("standard input", &error))?;
        (text, "standard input")
    } else if std::path::Path::new(given).is_file() {
        (std::fs::read_to_string(given).map_err(|error| unreadable(given, &error))?, given)
    } else {
        (given.to_owned(), "--input")
    };
    match serde_json::from_str::<serde::de::IgnoredAny>(&text) {
        Ok(_) => Ok(text),
        Err(_) if source == "--input" && looks_like_path(given) => Err(no_such_file(given)),
        Err(error) => Err(not_json(source, &error)),
    }
}

fn unreadable(source: &str, error: &std::io::Error) -> CliError {
    CliError::new(Exit::NotFound, format!("cannot read {source}: {error}"))
}

/// Text that is no JSON, but could be the name of a file.
fn looks_like_path(given: &str) -> bool {
    let begins_as_json = given.trim_start().starts_with(['{', '[', '"']);
    !begins_as_json && (given.ends_with(".json") || given.contains('/'))
}

fn no_such_file(path: &str) -> CliError {
    let what = if std::path::Path::new(path).is_dir() { "is a folder" } else { "does not exist" };
    CliError::new(Exit::NotFound, format!("the input file {path} {what}"))
        .next("check the path, or give JSON text, or - for standard input")
}

fn not_json(source: &str, error: &serde_json::Error) -> CliError {
    CliError::new(Exit::Usage, format!("{source} is not JSON: {error}")).next("give JSON text, the path of a JSON file, or -")
}
