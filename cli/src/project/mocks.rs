//! Where a folder's test cases are.

use std::path::{Path, PathBuf};

use baton_coordinator::mock_config::MockConfig;

/// The name that Step Functions Local's documentation gives the file.
const USUAL_NAME: &str = "MockConfigFile.json";

/// The file that is named, or the usual one in the folder. It need not be there yet.
pub(crate) fn file(named: Option<&Path>, folder: &Path) -> PathBuf {
    if let Some(file) = named.filter(|file| !file.exists()) {
        tracing::warn!("{} is not there yet: test cases cannot be started before it is", file.display());
    }
    named.map_or_else(|| folder.join(USUAL_NAME), Path::to_owned)
}

/// Tells what is wrong with a file that has just been saved.
pub(super) fn report(file: &Path) {
    let errors = MockConfig::new(file.to_owned()).check();
    errors.iter().for_each(|error| tracing::warn!("{error}"));
    if errors.is_empty() {
        tracing::info!("read {}", file.display());
    }
}
