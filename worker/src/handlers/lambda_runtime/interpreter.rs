//! Finding `python3` and `node`.
//!
//! A name on `PATH` is not enough: a version manager's shim may be there and refuse to run. So a candidate is asked for its version, and the
//! answer is remembered with the path of the real interpreter, which also spares each process the shim.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::process::Command;

use crate::child;

/// An interpreter that does not say its version in this time does not count.
const PROBE_MAX: Duration = Duration::from_secs(10);

/// Whose interpreter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Language {
    Python,
    Node,
}

/// No interpreter of that language could be run.
#[derive(Debug, Clone)]
pub(crate) struct Missing {
    /// Names that were tried, in order.
    pub(crate) tried: Vec<String>,
}

impl Missing {
    pub(crate) fn for_function(&self, function: &str) -> String {
        format!(
            "function {function} needs {}, and {} on PATH runs. Install it, or start the worker where it is on PATH",
            self.tried[0],
            self.none_of()
        )
    }

    fn none_of(&self) -> String {
        match self.tried.as_slice() {
            [only] => format!("no {only}"),
            tried => format!("none of {}", tried.join(", ")),
        }
    }
}

impl Language {
    /// The exact version's name first, then what is called so in general.
    fn candidates(self, version: &str) -> Vec<String> {
        match self {
            Self::Python => vec![format!("python{version}"), "python3".to_owned()],
            Self::Node => vec![format!("node{version}"), "node".to_owned(), "nodejs".to_owned()],
        }
    }

    /// Arguments that make an interpreter print its path and its version on two lines.
    fn probe(self) -> [&'static str; 2] {
        match self {
            Self::Python => ["-c", "import sys; print(sys.executable); print('%d.%d' % sys.version_info[:2])"],
            Self::Node => ["-p", "process.execPath + '\\n' + process.versions.node.split('.')[0]"],
        }
    }
}

/// The interpreter for a version of a language: that version if it is installed, another one with a warning otherwise.
pub(crate) async fn find(language: Language, version: &str) -> Result<PathBuf, Missing> {
    static FOUND: Mutex<BTreeMap<(Language, String), PathBuf>> = Mutex::new(BTreeMap::new());
    let key = (language, version.to_owned());
    if let Some(path) = FOUND.lock().get(&key) {
        return Ok(path.clone());
    }
    let tried = language.candidates(version);
    for name in &tried {
        if let Some((path, found_version)) = probe(language, name).await {
            if found_version != version {
                tracing::warn!(wanted = version, found = found_version, interpreter = %path.display(), "another version than the function's runtime names will run it");
            }
            // Only what was found is remembered: what is missing may be installed while the worker runs.
            FOUND.lock().insert(key, path.clone());
            return Ok(path);
        }
    }
    Err(Missing { tried })
}

async fn probe(language: Language, name: &str) -> Option<(PathBuf, String)> {
    let mut command = Command::new(child::which(name)?);
    command.args(language.probe()).stdin(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(PROBE_MAX, command.output()).await.ok()?.ok().filter(|output| output.status.success())?;
    let text = String::from_utf8(output.stdout).ok()?;
    let mut lines = text.lines();
    let path = PathBuf::from(lines.next()?);
    Some((path, lines.next()?.to_owned())).filter(|(path, _)| child::is_executable(path))
}
