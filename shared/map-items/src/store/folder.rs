//! Folders of this machine as buckets: only those that the configuration allows, and nothing that a symbolic link leads to outside of them.

use std::path::{Path, PathBuf};

use super::StoreError;

/// The folder of a bucket, if it is, or is below, one that the configuration allows.
pub(super) fn open(path: &str, name: &str, roots: &[PathBuf]) -> Result<PathBuf, StoreError> {
    let roots: Vec<_> = roots.iter().filter_map(|root| root.canonicalize().ok()).collect();
    let is_allowed = |real: &Path| roots.iter().any(|root| real.starts_with(root));
    let real = nearest(Path::new(path)).filter(|real| is_allowed(real)).ok_or_else(|| {
        let hint = "name it, or one above it, in `item_folders` (--item-folders)";
        StoreError::NotAllowed(format!("The bucket '{name}' is not a folder that the configuration allows: {hint}."))
    })?;
    match Path::new(path).canonicalize() {
        Ok(folder) if folder == real && folder.is_dir() => Ok(folder),
        Ok(_) => Err(StoreError::NotAllowed(format!("The bucket '{name}' is no folder."))),
        Err(error) => Err(StoreError::NotAllowed(format!("The bucket '{name}' is a folder that cannot be used: {error}."))),
    }
}

/// Refuses a key, or a prefix of keys, under which other things than the folder's are.
pub(super) async fn stays_inside(folder: &Path, key: &str) -> Result<(), StoreError> {
    let (folder, path, key) = (folder.to_owned(), folder.join(key), key.to_owned());
    let inside = tokio::task::spawn_blocking(move || nearest(&path).is_some_and(|real| real.starts_with(&folder)));
    if inside.await.unwrap_or(false) {
        return Ok(());
    }
    Err(StoreError::NotAllowed(format!("'{key}' leads out of its folder.")))
}

/// Refuses what is there and is no file: a pipe would let its reader wait for ever.
pub(super) async fn file_of(folder: &Path, key: &str) -> Result<(), StoreError> {
    stays_inside(folder, key).await?;
    match tokio::fs::metadata(folder.join(key)).await {
        Ok(found) if !found.is_file() && !found.is_dir() => Err(StoreError::NotAllowed(format!("'{key}' is no file."))),
        // What is not there, or is a folder, the store says itself.
        Ok(_) | Err(_) => Ok(()),
    }
}

/// Where the path leads, or as much of it as is there.
fn nearest(path: &Path) -> Option<PathBuf> {
    path.ancestors().find_map(|part| part.canonicalize().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn links_lead_nowhere_else() {
        let (inside, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let folder = inside.path().canonicalize().unwrap();
        std::fs::write(folder.join("a"), "a").unwrap();
        std::fs::write(outside.path().join("secret"), "s").unwrap();
        std::os::unix::fs::symlink(outside.path(), folder.join("out")).unwrap();
        std::os::unix::fs::symlink(folder.join("a"), folder.join("b")).unwrap();
        for fine in ["a", "b", "not/there/yet", ""] {
            assert!(stays_inside(&folder, fine).await.is_ok(), "{fine}");
        }
        for out in ["out", "out/secret", "out/new", "../x"] {
            assert!(matches!(stays_inside(&folder, out).await, Err(StoreError::NotAllowed(_))), "{out}");
        }
    }

    #[test]
    fn what_is_missing_is_told_from_what_is_not_allowed() {
        let root = tempfile::tempdir().unwrap();
        let roots = [root.path().to_owned()];
        let told = |path: &Path| match open(&path.display().to_string(), "b", &roots) {
            Err(StoreError::NotAllowed(text)) => text,
            other => panic!("{other:?}"),
        };
        assert!(open(&root.path().display().to_string(), "b", &roots).is_ok());
        assert!(told(&root.path().join("none")).contains("cannot be used: No such file"));
        std::fs::write(root.path().join("file"), "").unwrap();
        assert!(told(&root.path().join("file")).contains("is no folder"));
        assert!(told(Path::new("/")).contains("--item-folders"));
        assert!(told(Path::new("/nowhere/at/all")).contains("--item-folders"));
    }
}
