//! What a ResultWriter has written into a folder.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess, Visitor};
use serde_json::Value;

use super::items;

/// What the files of one run say, by the manifest that names them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) succeeded: u64,
    pub(crate) failed: u64,
    /// What is missing, double, or not as its item says it must be.
    pub(crate) problems: Vec<String>,
}

/// Problems that are kept.
const PROBLEMS_MAX: usize = 20;

/// Reads what the only run below `folder` has written.
pub(crate) fn read(folder: &Path) -> anyhow::Result<Written> {
    let manifest = manifest(folder)?;
    let text = std::fs::read_to_string(&manifest).with_context(|| format!("cannot read {}", manifest.display()))?;
    let files = &serde_json::from_str::<Value>(&text)?["ResultFiles"];
    let root = folder.parent().context("the results' folder lies in another")?;
    let mut seen: BTreeMap<u64, u32> = BTreeMap::new();
    let mut written = Written::default();
    for (status, is_success) in [("SUCCEEDED", true), ("FAILED", false)] {
        for file in files[status].as_array().into_iter().flatten() {
            let path = root.join(file["Key"].as_str().context("a file of results has a key")?);
            let opened = File::open(&path).with_context(|| format!("cannot read {}", path.display()))?;
            let size = opened.metadata()?.len();
            if file["Size"].as_u64() != Some(size) {
                written.problem(format!("{} has {size} bytes, and the manifest says {}", path.display(), file["Size"]));
            }
            let each = Each(|entry: Entry| written.take(&entry, is_success, &mut seen));
            let mut json = serde_json::Deserializer::from_reader(BufReader::with_capacity(1 << 20, opened));
            json.deserialize_seq(each).with_context(|| format!("{} is no array of entries", path.display()))?;
        }
    }
    let pending = files["PENDING"].as_array().map_or(0, Vec::len);
    if pending > 0 {
        written.problem(format!("{pending} files of what is pending"));
    }
    for (n, times) in seen.iter().filter(|(_, times)| **times > 1) {
        written.problem(format!("item {n} stands in the results {times} times"));
    }
    if let Some(missing) = (0..seen.len() as u64).find(|n| !seen.contains_key(n)) {
        written.problem(format!("item {missing} is not in the results"));
    }
    Ok(written)
}

fn manifest(folder: &Path) -> anyhow::Result<PathBuf> {
    let listing = std::fs::read_dir(folder).with_context(|| format!("there are no results in {}", folder.display()))?;
    let runs: Vec<_> = listing.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
    match &runs[..] {
        [run] => Ok(run.join("manifest.json")),
        _ => bail!("{} runs have written into {}", runs.len(), folder.display()),
    }
}

/// As much of an entry as is looked at.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    input: Option<String>,
    output: Option<String>,
    error: Option<String>,
}

/// Takes an array's entries one by one: a file of a million is not held in memory.
struct Each<F>(F);

impl<'de, F: FnMut(Entry)> Visitor<'de> for Each<F> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an array of entries")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut entries: A) -> Result<(), A::Error> {
        while let Some(entry) = entries.next_element()? {
            (self.0)(entry);
        }
        Ok(())
    }
}

impl Written {
    fn take(&mut self, entry: &Entry, is_success: bool, seen: &mut BTreeMap<u64, u32>) {
        *(if is_success { &mut self.succeeded } else { &mut self.failed }) += 1;
        let input: Value = entry.input.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        let Some(n) = input["n"].as_u64() else { return self.problem(format!("an entry without its item: {entry:?}")) };
        *seen.entry(n).or_default() += 1;
        let output = entry.output.as_deref().and_then(|text| serde_json::from_str::<Value>(text).ok());
        let is_right = match output {
            Some(output) => is_success && !items::fails(n) && output["n"] == n + 1,
            None => !is_success && items::fails(n) && entry.error.as_deref() == Some(crate::worker::ITEM_ERROR),
        };
        if !is_right {
            self.problem(format!("item {n} came to {entry:?}"));
        }
    }

    fn problem(&mut self, problem: String) {
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(problem.chars().take(500).collect());
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn entry(n: u64) -> Value {
        let input = json!({"n": n}).to_string();
        if items::fails(n) {
            json!({"Input": input, "Error": crate::worker::ITEM_ERROR})
        } else {
            json!({"Input": input, "Output": json!({"n": n + 1}).to_string()})
        }
    }

    fn lay_out(entries: &[Value]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        let run = folder.path().join("results/run");
        std::fs::create_dir_all(&run).expect("it can be made");
        let of = |is_success: bool| entries.iter().filter(|entry| entry.get("Output").is_some() == is_success).cloned().collect::<Vec<_>>();
        let mut files = json!({"PENDING": []});
        for (status, entries) in [("SUCCEEDED", of(true)), ("FAILED", of(false))] {
            let text = json!(entries).to_string();
            std::fs::write(run.join(format!("{status}_0.json")), &text).expect("it can be written");
            files[status] = json!([{"Key": format!("results/run/{status}_0.json"), "Size": text.len()}]);
        }
        std::fs::write(run.join("manifest.json"), json!({"ResultFiles": files}).to_string()).expect("it can be written");
        folder
    }

    #[test]
    fn complete_results_have_every_item_once() {
        let entries: Vec<_> = (0..300).map(entry).collect();
        let folder = lay_out(&entries);
        let written = read(&folder.path().join("results")).expect("they are whole");
        let failing = (0..300).filter(|n| items::fails(*n)).count() as u64;
        assert!(failing > 0, "some fail");
        assert_eq!(written, Written { succeeded: 300 - failing, failed: failing, problems: Vec::new() });
    }

    #[test]
    fn what_is_missing_double_or_wrong_is_found() {
        let whole: Vec<_> = (0..300).map(entry).collect();
        let missing: Vec<_> = whole.iter().enumerate().filter(|(n, _)| *n != 7).map(|(_, entry)| entry.clone()).collect();
        let double = [whole.clone(), vec![entry(9)]].concat();
        let wrong = [whole[1..].to_vec(), vec![json!({"Input": r#"{"n":0}"#, "Output": r#"{"n":7}"#})]].concat();
        for (entries, problem) in [(missing, "item 7 is not"), (double, "item 9 stands in the results 2 times"), (wrong, "item 0 came to")]
        {
            let folder = lay_out(&entries);
            let written = read(&folder.path().join("results")).expect("they can be read");
            assert!(written.problems.iter().any(|found| found.contains(problem)), "{problem}: {:?}", written.problems);
        }
    }
}
