//! A file for each log group: JSON lines.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use xxhash_rust::xxh3::xxh3_64;

use super::log_group::LogGroup;
use super::losses;
use crate::sink::{Losses, RotatedFile, Rotation};

/// Files that are open at once.
const OPEN_MAX: usize = 64;
/// Characters of a file's name before its ending; the systems' limit is 255 bytes with it and the number of an older file.
const STEM_LEN_MAX: usize = 200;
/// A file that could not be written is left alone for this long.
const PAUSE: Duration = Duration::from_secs(1);
/// What a file's name keeps of a log group's; a slash becomes a plus.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'#').remove(b'/');

/// See the module.
pub(super) struct Files {
    folder: PathBuf,
    rotation: Rotation,
    /// By ARN of the log group.
    open: HashMap<Arc<str>, Open>,
    /// Nothing is tried before this time.
    paused_until: Option<Instant>,
    losses: Losses,
}

struct Open {
    file: RotatedFile,
    /// Lines that were not handed to the system yet.
    unflushed: u64,
}

impl Files {
    pub(super) fn new(folder: PathBuf, rotation: Rotation) -> Self {
        Self { folder, rotation, open: HashMap::new(), paused_until: None, losses: losses("file") }
    }

    /// Writes a line into the file of this log group.
    pub(super) fn line(&mut self, log_group_arn: &Arc<str>, line: &str) {
        if self.paused_until.is_some_and(|until| Instant::now() < until) {
            return self.losses.lost(1, "cannot_write", "the last write has failed");
        }
        if let Err(error) = self.write(log_group_arn, line) {
            self.failed(log_group_arn, 1, &error);
        }
    }

    fn write(&mut self, log_group_arn: &Arc<str>, line: &str) -> io::Result<()> {
        if !self.open.contains_key(log_group_arn) {
            if self.open.len() >= OPEN_MAX {
                self.flush();
                self.open.clear();
            }
            let file = RotatedFile::open(&self.folder.join(file_name(log_group_arn)), self.rotation)?;
            self.open.insert(log_group_arn.clone(), Open { file, unflushed: 0 });
        }
        let open = self.open.get_mut(log_group_arn).expect("the file was just opened");
        open.file.line(line)?;
        open.unflushed += 1;
        Ok(())
    }

    /// Hands everything to the system.
    pub(super) fn flush(&mut self) {
        let mut failed = Vec::new();
        for (log_group_arn, open) in self.open.iter_mut().filter(|(_, open)| open.unflushed > 0) {
            match open.file.flush() {
                Ok(()) => self.losses.sent(std::mem::take(&mut open.unflushed)),
                Err(error) => failed.push((log_group_arn.clone(), error)),
            }
        }
        failed.into_iter().for_each(|(log_group_arn, error)| self.failed(&log_group_arn, 0, &error));
    }

    fn failed(&mut self, log_group_arn: &Arc<str>, lines: u64, error: &io::Error) {
        let unflushed = self.open.remove(log_group_arn).map_or(0, |open| open.unflushed);
        let path = self.folder.join(file_name(log_group_arn));
        self.losses.lost(lines + unflushed, "cannot_write", format_args!("{}: {error}", path.display()));
        self.paused_until = Some(Instant::now() + PAUSE);
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

    #[test]
    fn a_folder_that_cannot_be_written_loses_lines_and_nothing_else() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let blocked = folder.path().join("a-file");
        std::fs::write(&blocked, "").expect("a file can be made");
        let mut files = Files::new(blocked, Rotation::default());
        let arn: Arc<str> = "arn:aws:logs:r:1:log-group:g:*".into();
        files.line(&arn, "lost");
        assert!(files.paused_until.is_some());
        files.line(&arn, "lost too");
        files.flush();
    }
}
