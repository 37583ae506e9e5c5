//! Where a folder's test cases are.

use std::path::{Path, PathBuf};

use baton_coordinator::mock_config::MockConfig;
use baton_coordinator::server::ServerConfig;

/// The name that Step Functions Local's documentation gives the file.
const USUAL_NAME: &str = "MockConfigFile.json";

/// The file that is named, or the one that `SFN_MOCK_CONFIG` names.
pub(crate) fn named(named: Option<&Path>) -> Option<PathBuf> {
    named.map(Path::to_owned).or_else(|| ServerConfig::from_environment().mock_config)
}

/// As [`named`], or the usual one in the folder. It need not be there yet.
pub(crate) fn file(given: Option<&Path>, folder: &Path) -> PathBuf {
    let named = named(given);
    if let Some(file) = named.as_ref().filter(|file| !file.exists()) {
        tracing::warn!("{} is not there yet: test cases cannot be started before it is", file.display());
    }
    named.unwrap_or_else(|| folder.join(USUAL_NAME))
}

/// Tells what is wrong with a file that has just been saved.
pub(super) fn report(file: &Path) {
    let errors = MockConfig::new(file.to_owned()).check();
    errors.iter().for_each(|error| tracing::warn!("{error}"));
    if errors.is_empty() {
        tracing::info!("read {}", file.display());
    }
}
