//! A folder of its own for one run: the example, the server's data, logs, the ledger.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use tempfile::TempDir;

/// Where everything of one run lies; gone with the run unless it is kept.
#[derive(Debug)]
pub(super) struct Site {
    folder: std::cell::RefCell<Option<TempDir>>,
    root: PathBuf,
    /// The example's definition with its functions' ARNs in place of the template's substitutions.
    pub(super) definition: String,
}

impl Site {
    pub(super) fn lay_out(example: &Path) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("baton-chaos-").tempdir().context("no temporary folder")?;
        let root = folder.path().to_owned();
        copy(example, &root.join("functions")).with_context(|| format!("cannot copy {}", example.display()))?;
        for name in ["server", "data", "ledger"] {
            fs::create_dir(root.join(name))?;
        }
        let definition =
            fs::read_to_string(example.join("order-processing.asl.json")).context("the example has no order-processing.asl.json")?;
        Ok(Self { folder: Some(folder).into(), root, definition: with_function_arns(&definition) })
    }

    /// Without an example.
    pub(super) fn bare() -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("baton-chaos-").tempdir().context("no temporary folder")?;
        let root = folder.path().to_owned();
        for name in ["server", "data", "ledger"] {
            fs::create_dir(root.join(name))?;
        }
        Ok(Self { folder: Some(folder).into(), root, definition: String::new() })
    }

    /// What the server serves: nothing of its own, so that every function runs in the external worker.
    pub(super) fn server(&self) -> PathBuf {
        self.root.join("server")
    }

    pub(super) fn data(&self) -> PathBuf {
        self.root.join("data")
    }

    /// What the worker serves: the example.
    pub(super) fn functions(&self) -> PathBuf {
        self.root.join("functions")
    }

    pub(super) fn ledger(&self) -> PathBuf {
        self.root.join("ledger")
    }

    /// The file that says that what fails for being broken is mended.
    pub(super) fn mended(&self) -> PathBuf {
        self.root.join("mended")
    }

    /// A folder of this name, made if it is not there.
    pub(super) fn folder(&self, name: &str) -> anyhow::Result<PathBuf> {
        let folder = self.root.join(name);
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        Ok(folder)
    }

    pub(super) fn log(&self, process: &str) -> PathBuf {
        self.root.join(format!("{process}.log"))
    }

    /// Leaves the folder where it is when the run is over.
    pub(super) fn keep(&self) -> &Path {
        if let Some(folder) = self.folder.borrow_mut().take() {
            // Its path is `root`; giving it up is all that is needed.
            let _ = folder.keep();
        }
        &self.root
    }
}

/// The example's template substitutes each function's ARN under the function's own name: `${ValidateOrder}`.
fn with_function_arns(definition: &str) -> String {
    let mut parts = definition.split("${");
    let head = parts.next().unwrap_or_default().to_owned();
    parts.fold(head, |text, part| {
        let (name, rest) = part.split_once('}').unwrap_or((part, ""));
        format!("{text}arn:aws:lambda:us-east-1:123456789012:function:{name}{rest}")
    })
}

fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        // Data of earlier runs are no part of the example; nor is what a server keeps beside it.
        if entry.file_name() == ".baton" || (from.ends_with("data") && entry.file_name() != "inventory.json") {
            continue;
        }
        if entry.file_type()?.is_dir() { copy(&entry.path(), &target)? } else { fs::copy(entry.path(), target).map(drop)? }
    }
    Ok(())
}
