//! Where a tree is drawn: over itself on a terminal, once at the end elsewhere. Other lines may come meanwhile; they go above it.

use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, PoisonError};

use crate::tree::Tree;

/// The tree as it stands on the terminal, of which a process has one.
static DRAWN: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// See the module.
pub(crate) struct Screen {
    live: bool,
}

impl Screen {
    pub(crate) fn new() -> Self {
        Self { live: io::stderr().is_terminal() }
    }

    pub(crate) fn is_live(&self) -> bool {
        self.live
    }

    pub(crate) fn draw(&mut self, tree: &Tree) {
        if self.live {
            redraw(|drawn| {
                *drawn = tree.lines();
                Vec::new()
            });
        }
    }

    /// Draws the tree for the last time: whatever comes now goes below it.
    pub(crate) fn finish(&mut self, tree: &Tree) {
        redraw(|drawn| {
            drawn.clear();
            tree.lines().into_iter().flat_map(|line| (line + "\n").into_bytes()).collect()
        });
    }
}

/// A writer of lines that stand above the tree.
pub(crate) struct Above;

impl Write for Above {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        redraw(|_| bytes.to_vec());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Takes the tree away, writes what `change` gives, and draws the tree again as `change` left it.
fn redraw(change: impl FnOnce(&mut Vec<String>) -> Vec<u8>) {
    let mut drawn = DRAWN.lock().unwrap_or_else(PoisonError::into_inner);
    let mut out = anstream::stderr().lock();
    if !drawn.is_empty() {
        // Up to its first line, and clear from there.
        let _ = write!(out, "\x1b[{}A\x1b[J", drawn.len());
    }
    let text = change(&mut drawn);
    let _ = out.write_all(&text);
    for line in &*drawn {
        let _ = writeln!(out, "{line}");
    }
}
