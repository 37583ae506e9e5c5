//! A file for each log group: JSON lines.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use xxhash_rust::xxh3::xxh3_64;

use super::log_group::LogGroup;
use super::losses;
use crate::sink::{LinesFile, Losses, Rotation};

/// Files that are open at once.
const OPEN_MAX: usize = 64;
/// Characters of a file's name before its ending; the systems' limit is 255 bytes with it and the number of an older file.
const STEM_LEN_MAX: usize = 200;
/// What a file's name keeps of a log group's; a slash becomes a plus.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'#').remove(b'/');

/// See the module.
pub(super) struct Files {
    folder: PathBuf,
    rotation: Rotation,
    /// By ARN of the log group.
    open: HashMap<Arc<str>, LinesFile>,
    losses: Losses,
}

impl Files {
    pub(super) fn new(folder: PathBuf, rotation: Rotation) -> Self {
        Self { folder, rotation, open: HashMap::new(), losses: losses("file") }
    }

    /// Writes a line into the file of this log group.
    pub(super) fn line(&mut self, log_group_arn: &Arc<str>, line: &str) {
        if !self.open.contains_key(log_group_arn) && self.open.len() >= OPEN_MAX {
            self.flush();
            self.open.clear();
        }
        let path = || self.folder.join(file_name(log_group_arn));
        let file = self.open.entry(log_group_arn.clone()).or_insert_with(|| LinesFile::new(path(), self.rotation));
        file.line(line, &self.losses);
    }

    /// Hands everything to the system.
    pub(super) fn flush(&mut self) {
        self.open.values_mut().for_each(|file| file.flush(&self.losses));
    }
}

/// Two log groups never share a file, and no name leads out of the folder.
fn file_name(log_group_arn: &str) -> String {
    let encoded = |text: &str| utf8_percent_encode(text, PLAIN).to_string().replace('/', "+");
    let stem = match LogGroup::parse(log_group_arn) {
        Some(LogGroup { region, account, name }) => format!("{}_{}_{}", encoded(account), encoded(region), encoded(name)),
        None => format!("arn_{}", encoded(log_group_arn)),
    };
    if stem.len() <= STEM_LEN_MAX {
        return format!("{stem}.jsonl");
    }
    let hash = xxh3_64(log_group_arn.as_bytes());
    format!("{}_{hash:016x}.jsonl", &stem[..STEM_LEN_MAX - 17])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_say_the_log_group() {
        let name = |group: &str| file_name(&format!("arn:aws:logs:us-east-1:123456789012:log-group:{group}:*"));
        assert_eq!(name("/aws/vendedlogs/states/orders"), "123456789012_us-east-1_+aws+vendedlogs+states+orders.jsonl");
        assert_eq!(name("../../etc"), "123456789012_us-east-1_..+..+etc.jsonl");
        assert_eq!(name("a+b_c"), "123456789012_us-east-1_a%2Bb_c.jsonl");
        assert_eq!(file_name("../no ARN"), "arn_..+no%20ARN.jsonl");
        let long = |end: &str| name(&format!("{}{end}", "x".repeat(300)));
        assert!(long("a").len() < 250 && long("a") != long("b"));
    }

    #[test]
    fn each_log_group_has_its_lines_in_order() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let mut files = Files::new(folder.path().to_owned(), Rotation::default());
        let arns: Vec<Arc<str>> = (0..OPEN_MAX + 1).map(|n| format!("arn:aws:logs:r:1:log-group:g{n}:*").into()).collect();
        for turn in 0..2 {
            arns.iter().for_each(|arn| files.line(arn, &format!("{turn}")));
            files.flush();
        }
        for arn in &arns {
            assert_eq!(std::fs::read_to_string(folder.path().join(file_name(arn))).expect("the file is there"), "0\n1\n");
        }
    }
}
