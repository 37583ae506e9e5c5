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
        Err(error) => Err(not_json(source, given, &error)),
    }
}

fn unreadable(source: &str, error: &std::io::Error) -> CliError {
    CliError::new(Exit::NotFound, format!("cannot read {source}: {error}"))
}

fn not_json(source: &str, given: &str, error: &serde_json::Error) -> CliError {
    let looks_like_path = given.ends_with(".json") || given.contains('/');
    let step = if looks_like_path { "no such file: check the path" } else { "give JSON text, the path of a JSON file, or -" };
    CliError::new(Exit::Usage, format!("{source} is not JSON: {error}")).next(step)
}
