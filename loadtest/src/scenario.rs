//! What is run: a machine, its input, and how its executions must end. One TOML file each, in `scenarios/`.

use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

/// The scenarios that ship with the program.
const SHIPPED: [&str; 6] = [
    include_str!("../scenarios/five-tasks.toml"),
    include_str!("../scenarios/one-at-a-time.toml"),
    include_str!("../scenarios/ten-pass.toml"),
    include_str!("../scenarios/sleepers.toml"),
    include_str!("../scenarios/express.toml"),
    include_str!("../scenarios/express-async.toml"),
];

/// A scenario file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scenario {
    pub(crate) name: String,
    pub(crate) summary: String,
    /// JSON text that every execution is started with.
    pub(crate) input: String,
    /// The definition's JSON text.
    pub(crate) definition: String,
    /// Functions that a worker must serve. Each takes `{"n": N}` and answers `{"n": N + 1}`.
    #[serde(default)]
    pub(crate) functions: Vec<String>,
    /// Executions under way at a time, unless the command line says otherwise.
    pub(crate) in_flight: u32,
    /// How long executions are started.
    pub(crate) seconds: Option<u64>,
    /// How many are started; with `seconds`, whichever comes first.
    pub(crate) executions: Option<u64>,
    pub(crate) finish: Finish,
    /// Whether the flushes and round trips that an execution consists of are measured too.
    #[serde(default)]
    pub(crate) probes: bool,
    pub(crate) expected: Expected,
}

/// When an execution's end is looked at.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Finish {
    /// Each lane waits for its execution before it starts the next: in-flight means running executions.
    Wait,
    /// After the last start: in-flight means StartExecution calls.
    Later,
    /// Executions do not end; what they cost while they wait is the question.
    Sleep,
    /// Of an Express machine: each lane calls StartSyncExecution, which answers with the end.
    Sync,
    /// Of an Express machine, which nobody can ask about its executions: their ends are counted by the server's metrics.
    Counted,
}

impl Finish {
    /// Whether the state machine is of the type EXPRESS.
    pub(crate) fn is_express(self) -> bool {
        match self {
            Self::Wait | Self::Later | Self::Sleep => false,
            Self::Sync | Self::Counted => true,
        }
    }
}

/// How every execution must end.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Expected {
    pub(crate) status: String,
    /// JSON text; compared as JSON.
    output: Option<String>,
    /// Events in the history; Express executions have none that could be read.
    #[serde(default)]
    pub(crate) events: u64,
}

/// Why there is no scenario to run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ScenarioError {
    #[error("there is no scenario `{0}`, and no file of that name; `loadtest list` shows those that ship")]
    Unknown(String),
    #[error("{path}: {source}")]
    Unreadable { path: String, source: std::io::Error },
    #[error("{origin}: {message}")]
    Invalid { origin: String, message: String },
}

impl Scenario {
    /// All scenarios that ship, in the order in which they are listed.
    pub(crate) fn shipped() -> Vec<Self> {
        SHIPPED.iter().map(|text| Self::parse("a shipped scenario", text).expect("the shipped scenarios are valid")).collect()
    }

    /// A shipped scenario's name, or the path of a scenario file.
    pub(crate) fn find(name_or_path: &str) -> Result<Self, ScenarioError> {
        if let Some(scenario) = Self::shipped().into_iter().find(|scenario| scenario.name == name_or_path) {
            return Ok(scenario);
        }
        let path = Path::new(name_or_path);
        if !path.exists() {
            return Err(ScenarioError::Unknown(name_or_path.to_owned()));
        }
        let text = std::fs::read_to_string(path).map_err(|source| ScenarioError::Unreadable { path: name_or_path.to_owned(), source })?;
        Self::parse(name_or_path, &text)
    }

    fn parse(origin: &str, text: &str) -> Result<Self, ScenarioError> {
        let invalid = |message: String| ScenarioError::Invalid { origin: origin.to_owned(), message };
        let scenario: Self = toml::from_str(text).map_err(|error| invalid(error.to_string()))?;
        let json_fields = [
            ("input", Some(&scenario.input)),
            ("definition", Some(&scenario.definition)),
            ("expected.output", scenario.expected.output.as_ref()),
        ];
        for (field, text) in json_fields.into_iter().filter_map(|(field, text)| Some((field, text?))) {
            serde_json::from_str::<Value>(text).map_err(|error| invalid(format!("{field} is not JSON: {error}")))?;
        }
        if scenario.seconds.is_none() && scenario.executions.is_none() {
            return Err(invalid("`seconds` or `executions` must say when the run is over".to_owned()));
        }
        if scenario.in_flight == 0 {
            return Err(invalid("`in_flight` must be at least 1".to_owned()));
        }
        Ok(scenario)
    }
}

impl Expected {
    pub(crate) fn output(&self) -> Option<Value> {
        self.output.as_deref().map(|text| serde_json::from_str(text).expect("checked when the scenario was read"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_scenarios_are_found_by_name() {
        let names: Vec<_> = Scenario::shipped().into_iter().map(|scenario| scenario.name).collect();
        assert_eq!(names, ["five-tasks", "one-at-a-time", "ten-pass", "sleepers", "express", "express-async"]);
        assert_eq!(Scenario::find("ten-pass").expect("it ships").finish, Finish::Later);
        assert!(matches!(Scenario::find("no-such-thing"), Err(ScenarioError::Unknown(_))));
    }

    #[test]
    fn a_file_is_a_scenario_too_and_its_mistakes_are_named() {
        let text = SHIPPED[2].replace("name = \"ten-pass\"", "name = \"mine\"");
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        std::fs::write(file.path(), &text).expect("it can be written");
        let path = file.path().to_str().expect("a plain path");
        assert_eq!(Scenario::find(path).expect("a valid file").name, "mine");

        for (wrong, names) in [
            (text.replace("seconds = 20", ""), "seconds"),
            (text.replace("'{\"n\":0}'", "'{'"), "input"),
            (text.replace("in_flight", "inflight"), "inflight"),
        ] {
            std::fs::write(file.path(), wrong).expect("it can be written");
            let error = Scenario::find(path).expect_err("a mistake in it").to_string();
            assert!(error.contains(names), "{error}");
        }
    }
}
