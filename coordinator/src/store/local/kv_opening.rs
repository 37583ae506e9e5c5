//! Opening the key-value side so that a start that refuses has changed nothing.
//!
//! The tree mends its files while it opens, and only then can be asked how far it has come. So a second set of names for its
//! files is made beside it first, `kv.opening`, and given up when what the tree says fits the log. If it does not fit, or the process ends
//! in between, the files are put back. The tree never changes its tables, so a second name is enough for them; a journal is cut
//! and written on in place, so one that will be cut is copied.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use super::disk::sync_dir;
use super::error::OpenError;
use super::kv::Kv;
use super::kv_survey::{self, KvFlaw};

const KV: &str = "kv";
/// The files as they were, while the tree is being opened.
const OPENING: &str = "kv.opening";
/// What is only being made, or is being removed.
const TEMPORARY: &str = "kv.opening.tmp";
const REFUSED: &str = "kv.refused.tmp";

/// The tree's folders are nested less deeply.
pub(crate) const DEPTH_MAX: usize = 8;

/// The key-value side, open but not yet compared with the log.
pub(crate) struct Opening {
    dir: PathBuf,
    kv: Kv,
    /// The journal that ended in something that is no batch, and where that began.
    pub(crate) cut: Option<(PathBuf, u64)>,
}

impl Opening {
    /// Opens the tree in the data folder `dir`. If it cannot be opened, its files are as they were.
    pub(crate) fn begin(dir: &Path, cache_bytes: u64) -> Result<Opening, OpenError> {
        settle(dir).map_err(|error| OpenError::io(dir, error))?;
        let kv_dir = dir.join(KV);
        let survey = kv_survey::survey(&kv_dir).map_err(|error| OpenError::io(&kv_dir, error))?;
        if let Some(KvFlaw { path, detail }) = survey.flaw {
            return Err(OpenError::KeyValue { dir: dir.to_owned(), path, detail });
        }
        let cut = survey.journals.last().filter(|journal| journal.has_rest).map(|journal| (journal.path.clone(), journal.whole));
        let saved = save(dir, cut.as_ref().map(|(path, _)| &**path)).and_then(|()| cut.as_ref().map_or(Ok(()), cut_journal));
        saved.map_err(|error| OpenError::io(&kv_dir, error))?;
        match Kv::open(&kv_dir, cache_bytes) {
            Ok(kv) => Ok(Opening { dir: dir.to_owned(), kv, cut }),
            Err(detail) => {
                settle(dir).map_err(|error| OpenError::io(dir, error))?;
                Err(OpenError::KeyValue { dir: dir.to_owned(), path: kv_dir, detail })
            }
        }
    }

    /// Says what was cut off. That the log has all that it held has been seen.
    pub(crate) fn tell(&self) {
        if let Some((journal, whole)) = &self.cut {
            tracing::info!("{} was cut at byte {whole}, behind its last whole batch; the log has what followed", journal.display());
        }
    }

    pub(crate) fn kv(&self) -> &Kv {
        &self.kv
    }

    /// What the tree says fits: from here on its files are the ones that count.
    pub(crate) fn keep(self) -> Result<Kv, OpenError> {
        let Opening { dir, kv, .. } = self;
        let kept = fs::rename(dir.join(OPENING), dir.join(TEMPORARY)).and_then(|()| sync_dir(&dir));
        kept.and_then(|()| remove(&dir.join(TEMPORARY))).map_err(|error| OpenError::io(&dir, error))?;
        Ok(kv)
    }

    /// It does not fit: the files become what they were.
    pub(crate) fn put_back(self) -> Result<(), OpenError> {
        let Opening { dir, kv, .. } = self;
        drop(kv);
        settle(&dir).map_err(|error| OpenError::io(&dir, error))
    }
}

/// Ends what a process has left that did not come to an end with opening: its files are put back.
pub(crate) fn settle(dir: &Path) -> io::Result<()> {
    let [kv, opening, refused] = [KV, OPENING, REFUSED].map(|name| dir.join(name));
    remove(&dir.join(TEMPORARY))?;
    if opening.exists() {
        if kv.exists() {
            remove(&refused)?;
            fs::rename(&kv, &refused)?;
        }
        fs::rename(&opening, &kv)?;
        sync_dir(dir)?;
    }
    remove(&refused)
}

/// Puts the tree in `from` in the place of the present one, all of it or nothing.
pub(crate) fn put_in_place(dir: &Path, from: &Path) -> io::Result<()> {
    sync_dir(from)?;
    fs::rename(from, dir.join(OPENING))?;
    sync_dir(dir)?;
    settle(dir)
}

/// Gives every file of the tree a second name in `kv.opening`; `copied` becomes a file of its own.
fn save(dir: &Path, copied: Option<&Path>) -> io::Result<()> {
    let temporary = dir.join(TEMPORARY);
    double(&dir.join(KV), &temporary, &|path| copied == Some(path), DEPTH_MAX)?;
    fs::rename(&temporary, dir.join(OPENING))?;
    match copied {
        Some(_) => sync_dir(&dir.join(OPENING)).and_then(|()| sync_dir(dir)),
        // Without a cut nothing is lost if the new names are.
        None => Ok(()),
    }
}

/// Makes `to` a folder with the files of `from` under further names; those that `is_copied` picks are copied, and all of them where the
/// file system has no further names.
pub(crate) fn double(from: &Path, to: &Path, is_copied: &dyn Fn(&Path) -> bool, depth: usize) -> io::Result<()> {
    let Some(depth) = depth.checked_sub(1) else {
        return Err(io::Error::other("the folders are nested too deeply"));
    };
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (path, to) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type()?.is_dir() {
            double(&path, &to, is_copied, depth)?;
        } else if is_copied(&path) || fs::hard_link(&path, &to).is_err() {
            fs::copy(&path, &to)?;
            File::open(&to)?.sync_all()?;
        }
    }
    Ok(())
}

fn cut_journal((path, whole): &(PathBuf, u64)) -> io::Result<()> {
    let file = OpenOptions::new().write(true).open(path)?;
    file.set_len(*whole)?;
    file.sync_all()
}

/// Removes a folder, if it is there.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(path: PathBuf, text: &str) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn text(dir: &Path) -> String {
        fs::read_to_string(dir.join("kv/0.jnl")).unwrap()
    }

    #[test]
    fn what_an_opening_that_did_not_end_leaves_is_put_back() {
        for stage in 0..5 {
            let dir = tempfile::tempdir().unwrap();
            let dir = dir.path();
            // In the order in which they come into being.
            match stage {
                0 => put(dir.join("kv/0.jnl"), "as it was"),
                1 => {
                    put(dir.join("kv/0.jnl"), "as it was");
                    put(dir.join("kv.opening.tmp/0.jnl"), "as i");
                }
                2 => {
                    put(dir.join("kv/0.jnl"), "as");
                    put(dir.join("kv.opening/0.jnl"), "as it was");
                }
                3 => {
                    put(dir.join("kv.refused.tmp/0.jnl"), "as");
                    put(dir.join("kv.opening/0.jnl"), "as it was");
                }
                _ => {
                    put(dir.join("kv.refused.tmp/0.jnl"), "as");
                    put(dir.join("kv/0.jnl"), "as it was");
                }
            }
            settle(dir).unwrap();
            assert_eq!(text(dir), "as it was", "stage {stage}");
            assert_eq!(fs::read_dir(dir).unwrap().count(), 1, "stage {stage}");
        }
    }
}
