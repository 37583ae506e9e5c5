//! `python3.x`: an unmodified Lambda handler under our bootstrap, which needs only the standard library.

use std::path::Path;

use super::Launch;
use super::interpreter::{self, Language};

/// Handed to the interpreter on standard input, so that no file of ours lies beside the binary.
const BOOTSTRAP: &str = include_str!("../../bootstrap/python.py");

pub(super) async fn launch(function: &str, version: &str, handler: &str, code: &Path) -> Result<Launch, String> {
    Ok(Launch {
        program: interpreter::find(Language::Python, version).await.map_err(|missing| missing.for_function(function))?,
        // The function's name tells processes apart in a process list.
        arguments: vec!["-".to_owned(), function.to_owned()],
        script: Some(BOOTSTRAP),
        code: code.to_owned(),
        handler: handler.to_owned(),
        execution_environment: format!("AWS_Lambda_python{version}"),
    })
}
