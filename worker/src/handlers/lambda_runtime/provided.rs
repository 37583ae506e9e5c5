//! `provided.*`: a custom runtime, an executable called `bootstrap` in the code's folder.

use std::path::Path;

use super::Launch;
use crate::child;

pub(super) fn launch(identifier: &str, handler: &str, code: &Path) -> Result<Launch, String> {
    let program = code.join("bootstrap");
    if !program.is_file() {
        return Err(format!("Couldn't find valid bootstrap(s): [{}]", program.display()));
    }
    if !child::is_executable(&program) {
        return Err(format!("fork/exec {}: permission denied", program.display()));
    }
    Ok(Launch {
        program,
        arguments: Vec::new(),
        script: None,
        code: code.to_owned(),
        handler: handler.to_owned(),
        execution_environment: format!("AWS_Lambda_{identifier}"),
    })
}
