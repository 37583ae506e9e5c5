//! Whether the data folder is still the one that was opened. Who removes or replaces it under a running process takes the files'
//! names away, not the files: writes go on into what nobody will ever find again. So the process ends as soon as it is noticed.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::identity;

/// Remembers which folder was opened.
pub(crate) struct FolderWatch {
    dir: PathBuf,
    lock: Option<(u64, u64)>,
}

impl FolderWatch {
    /// Of a folder that has just been locked and opened.
    pub(crate) fn new(dir: &Path) -> FolderWatch {
        FolderWatch { dir: dir.to_owned(), lock: inode(&dir.join("lock")) }
    }

    /// Ends the process if the folder has gone.
    pub(crate) fn look(&self) {
        if let Some(what) = self.missing() {
            end(&self.dir, what);
        }
    }

    /// What of the folder is not there any more.
    fn missing(&self) -> Option<&'static str> {
        if inode(&self.dir.join("lock")) != self.lock {
            return Some("its lock file has gone or is another one");
        }
        (!identity::file(&self.dir).exists()).then_some("its store.json has gone")
    }
}

fn inode(path: &Path) -> Option<(u64, u64)> {
    fs::metadata(path).ok().map(|metadata| (metadata.dev(), metadata.ino()))
}

fn end(dir: &Path, what: &str) -> ! {
    let sentence = format!(
        "the data folder {} was removed, moved or replaced while it was in use ({what}). The process ends here, so that nothing more is \
         acknowledged that nobody will find again. Put the folder back if it was moved, then start again",
        dir.display()
    );
    tracing::error!("{sentence}");
    if !tracing::dispatcher::has_been_set() {
        eprintln!("{sentence}");
    }
    std::process::exit(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_goes_or_is_replaced_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let files = ["lock", "store.json"].map(|name| dir.path().join(name));
        let put = || files.iter().for_each(|file| fs::write(file, "x").unwrap());
        put();
        let watch = FolderWatch::new(dir.path());
        assert_eq!(watch.missing(), None);
        fs::remove_file(&files[1]).unwrap();
        assert_eq!(watch.missing(), Some("its store.json has gone"));
        put();
        assert_eq!(watch.missing(), None);
        fs::rename(&files[0], dir.path().join("other")).unwrap();
        assert!(watch.missing().is_some());
        put();
        assert!(watch.missing().is_some(), "a new lock file is not the one that is held");
    }
}
