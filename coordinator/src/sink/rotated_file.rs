//! A file of lines that begins anew when it has grown to its size. The older ones stand beside it with a number at their end: `.1` is
//! the youngest of them.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// When a file begins anew, and how many older ones are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// Size at which a file begins anew.
    pub bytes_max: u64,
    /// Older files that are kept.
    pub older_max: u32,
}

impl Default for Rotation {
    fn default() -> Self {
        Self { bytes_max: 64 * 1024 * 1024, older_max: 4 }
    }
}

fn ends_with_line(file: &File, len: u64) -> io::Result<bool> {
    let mut last = [b'\n'];
    if len > 0 {
        file.read_exact_at(&mut last, len - 1)?;
    }
    Ok(last == [b'\n'])
}

/// See the module.
pub(crate) struct RotatedFile {
    path: PathBuf,
    rotation: Rotation,
    file: BufWriter<File>,
    len: u64,
    /// A line and its end; its memory is used again.
    whole: Vec<u8>,
}

impl RotatedFile {
    /// Goes on with the file at `path`, or begins it. Its folder is made if it is not there.
    pub(crate) fn open(path: &Path, rotation: Rotation) -> io::Result<Self> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let mut file = OpenOptions::new().create(true).read(true).append(true).open(path)?;
        let mut len = file.metadata()?.len();
        if !ends_with_line(&file, len)? {
            // What wrote it was killed in the middle of a line.
            file.write_all(b"\n")?;
            len += 1;
        }
        Ok(Self { path: path.to_owned(), rotation, file: BufWriter::new(file), len, whole: Vec::new() })
    }

    /// Writes one line, without its end. It is in the file after [`flush`](Self::flush).
    pub(crate) fn line(&mut self, line: &str) -> io::Result<()> {
        let bytes = line.len() as u64 + 1;
        if self.len > 0 && self.len + bytes > self.rotation.bytes_max {
            self.begin_anew()?;
        }
        // Line and end in one write, so that a kill does not come between them.
        self.whole.clear();
        self.whole.extend_from_slice(line.as_bytes());
        self.whole.push(b'\n');
        self.file.write_all(&self.whole)?;
        self.len += bytes;
        Ok(())
    }

    /// Hands everything to the system.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }

    fn begin_anew(&mut self) -> io::Result<()> {
        self.file.flush()?;
        let older = |number: u32| {
            let mut name = self.path.clone().into_os_string();
            name.push(format!(".{number}"));
            PathBuf::from(name)
        };
        if self.rotation.older_max == 0 {
            std::fs::remove_file(&self.path)?;
        }
        for number in (1..self.rotation.older_max).rev() {
            match std::fs::rename(older(number), older(number + 1)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                Ok(()) | Err(_) => {}
            }
        }
        if self.rotation.older_max > 0 {
            std::fs::rename(&self.path, older(1))?;
        }
        *self = Self::open(&self.path, self.rotation)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_file_begins_anew_and_the_oldest_goes() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let path = folder.path().join("made/lines.jsonl");
        let rotation = Rotation { bytes_max: 8, older_max: 2 };
        let read = |ending: &str| std::fs::read_to_string(format!("{}{ending}", path.display())).ok();
        for line in ["aaa", "bbb", "ccc", "a line that is longer than a file", "ddd", "eee"] {
            // Opened anew each time: what is there counts.
            let mut file = RotatedFile::open(&path, rotation).expect("the file can be written");
            file.line(line).and_then(|()| file.flush()).expect("the file can be written");
        }
        assert_eq!(read("").as_deref(), Some("ddd\neee\n"));
        assert_eq!(read(".1").as_deref(), Some("a line that is longer than a file\n"));
        assert_eq!(read(".2").as_deref(), Some("ccc\n"));
        assert_eq!(read(".3"), None);
    }

    #[test]
    fn without_older_files_only_the_newest_lines_stay() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let path = folder.path().join("lines.jsonl");
        let mut file = RotatedFile::open(&path, Rotation { bytes_max: 4, older_max: 0 }).expect("the file can be written");
        file.line("aaa").and_then(|()| file.line("bbb")).and_then(|()| file.flush()).expect("the file can be written");
        assert_eq!(std::fs::read_to_string(&path).expect("the file is there"), "bbb\n");
        assert_eq!(std::fs::read_dir(folder.path()).expect("the folder is there").count(), 1);
    }

    #[test]
    fn a_line_that_was_cut_is_ended_before_the_next() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("log");
        std::fs::write(&path, "whole\ncut in the mid").expect("a file");
        for line in ["next", "last"] {
            let mut file = RotatedFile::open(&path, Rotation::default()).expect("opened");
            file.line(line).expect("written");
            file.flush().expect("flushed");
        }
        assert_eq!(std::fs::read_to_string(&path).expect("read"), "whole\ncut in the mid\nnext\nlast\n");
    }
}
