//! `nodejsNN.x`: an unmodified Lambda handler, CommonJS or ES module, under our bootstrap, which needs only Node's own modules.

use std::path::Path;

use super::Launch;
use super::interpreter::{self, Language};

/// Handed to the interpreter on standard input, so that no file of ours lies beside the binary.
const BOOTSTRAP: &str = include_str!("../../bootstrap/node.mjs");

pub(super) async fn launch(function: &str, version: &str, handler: &str, code: &Path) -> Result<Launch, String> {
    Ok(Launch {
        program: interpreter::find(Language::Node, version).await.map_err(|missing| missing.for_function(function))?,
        arguments: ["--input-type=module", "-", function].map(str::to_owned).to_vec(),
        script: Some(BOOTSTRAP),
        code: code.to_owned(),
        handler: handler.to_owned(),
        execution_environment: format!("AWS_Lambda_nodejs{version}.x"),
    })
}
