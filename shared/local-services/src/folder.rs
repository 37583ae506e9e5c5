//! Where a server keeps its data.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::ServiceError;

/// Where a server keeps its data, its log and its identity.
#[derive(Debug)]
pub enum Folder {
    /// Gone with the handle of the server, and with the process while the server runs.
    Temporary(TempDir),
    /// Stays, and is used again by the next server that is started in it.
    Kept(PathBuf),
}

impl Folder {
    /// A new one, gone with its server.
    pub fn temporary() -> Result<Self, ServiceError> {
        tempfile::Builder::new().prefix("baton-service-").tempdir().map(Self::Temporary).map_err(ServiceError::io("a temporary folder"))
    }

    /// This one, made if it is not there.
    pub fn kept(path: impl Into<PathBuf>) -> Result<Self, ServiceError> {
        let path = path.into();
        std::fs::create_dir_all(&path).map_err(ServiceError::io(path.display().to_string()))?;
        // Programs are started in other folders.
        let path = path.canonicalize().map_err(ServiceError::io(path.display().to_string()))?;
        Ok(Self::Kept(path))
    }

    /// Its path, absolute.
    pub fn path(&self) -> &Path {
        match self {
            Self::Temporary(folder) => folder.path(),
            Self::Kept(path) => path,
        }
    }

    /// Of one that is to go even if this process is killed.
    pub(crate) fn path_if_temporary(&self) -> Option<&Path> {
        match self {
            Self::Temporary(folder) => Some(folder.path()),
            Self::Kept(_) => None,
        }
    }
}
