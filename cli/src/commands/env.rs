//! `baton env`: the environment that points AWS's tools at baton.

use crate::config::client_location;
use crate::exit::CliResult;

pub(crate) fn run(endpoint: &str) -> CliResult {
    for (name, value) in variables(endpoint) {
        crate::output::line(&format!("export {name}={value}"));
    }
    Ok(())
}

/// What a client needs. Keys that are set already are left alone; the last one keeps AWS's tools from prefixing the host of
/// StartSyncExecution and TestState with `sync-`.
pub(crate) fn variables(endpoint: &str) -> Vec<(&'static str, String)> {
    let kept = |name: &str, default: &str| std::env::var(name).unwrap_or_else(|_| default.to_owned());
    let region = client_location().region;
    vec![
        ("AWS_ENDPOINT_URL_SFN", endpoint.to_owned()),
        ("AWS_REGION", kept("AWS_REGION", &region)),
        ("AWS_DEFAULT_REGION", kept("AWS_DEFAULT_REGION", &kept("AWS_REGION", &region))),
        ("AWS_ACCESS_KEY_ID", kept("AWS_ACCESS_KEY_ID", "baton")),
        ("AWS_SECRET_ACCESS_KEY", kept("AWS_SECRET_ACCESS_KEY", "baton")),
        ("AWS_DISABLE_HOST_PREFIX_INJECTION", "true".to_owned()),
    ]
}
