//! The ledger that the handlers write: one line for each attempt that really began to run.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context;
use serde::Deserialize;

/// One attempt of one state of one execution; `attempt` counts from 0.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry {
    pub(super) execution: String,
    pub(super) state: String,
    pub(super) attempt: u64,
}

/// How often each attempt began.
pub(super) type Ledger = BTreeMap<Entry, u32>;

/// Reads all files of the ledger's folder.
pub(super) fn read(folder: &Path) -> anyhow::Result<Ledger> {
    let mut ledger = Ledger::new();
    for file in std::fs::read_dir(folder)? {
        let path = file?.path();
        let text = std::fs::read_to_string(&path)?;
        for line in text.lines() {
            let entry = serde_json::from_str(line).with_context(|| format!("a torn line in {}: {line}", path.display()))?;
            *ledger.entry(entry).or_default() += 1;
        }
    }
    Ok(ledger)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_every_attempt() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let line = |state: &str, attempt: u64| format!("{{\"execution\": \"e\", \"state\": \"{state}\", \"attempt\": {attempt}}}\n");
        let write = |name: &str, text: String| std::fs::write(folder.path().join(name), text).expect("a writable folder");
        write("a.jsonl", line("A", 0) + &line("A", 1));
        write("b.jsonl", line("A", 1));
        let ledger = read(folder.path()).expect("a whole ledger");
        assert_eq!(ledger.values().copied().collect::<Vec<_>>(), [1, 2]);
        write("c.jsonl", "{\"execution\": \"e\", \"sta".to_owned());
        assert!(read(folder.path()).is_err());
    }
}
