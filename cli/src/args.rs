//! The command line: nouns, then verbs.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};
use serde::Deserialize;

use crate::config::{AwsSettings, ConfigArg, LimitSettings, MemberSettings, QueueSettings, Secret, ServerSettings, StoreSettings};

/// As docs/operations.md has them.
const EXIT_CODES: &str = "Exit codes: 0 done, 1 failed, 2 wrong command line or file, 3 not found, 4 no answer from the server, \
                          5 timed out, 6 a definition has errors, 130 interrupted.";

/// Runs Amazon States Language workflows on your own machines.
#[derive(Debug, Parser)]
#[command(name = "baton", version, about, propagate_version = true, after_help = EXIT_CODES)]
pub(crate) struct Args {
    /// URL of the server that exec, map-run, test-state, env and doctor speak to; by default the port of BATON_PORT or ./baton.toml on this
    /// machine, or 8083.
    #[arg(long, global = true, value_name = "URL", env = "AWS_ENDPOINT_URL_SFN")]
    pub(crate) endpoint: Option<String>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
#[expect(clippy::large_enum_variant, reason = "a process has one command")]
pub(crate) enum Command {
    /// Serve a folder of workflows and functions, and reload them as they change.
    Dev(ServeArgs),
    /// Serve a folder durably, for production: the folder is read once, logs are JSON.
    Up(UpArgs),
    /// Serve as one of several coordinators that share a store and a broker: a cluster.
    Coordinator(CoordinatorArgs),
    /// Run the functions of a folder for coordinators elsewhere.
    Worker(WorkerArgs),
    /// Run one definition here, without a server: a live tree, the output, an exit code.
    Run(RunArgs),
    /// Executions: start, list, describe, history, watch, redrive, stop.
    #[command(subcommand)]
    Exec(ExecCommand),
    /// Map Runs of Distributed Maps: describe, failures, update, redrive.
    #[command(subcommand)]
    MapRun(MapRunCommand),
    /// Test one state by itself at a server: its data at every step, with a mock or for real.
    TestState(TestStateArgs),
    /// Check definitions as AWS does, with positions.
    #[command(after_help = "Exit codes: 0 without errors (warnings are none), 6 with errors, 3 if a file is not there.")]
    Lint(LintArgs),
    /// Print the environment that points AWS's tools at baton: eval "$(baton env)".
    Env,
    /// Check what baton needs on this machine, or repair a data folder.
    Doctor(DoctorArgs),
    /// Print the completion script of a shell.
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ServeArgs {
    /// Folder with definitions (*.asl.json, *.asl.yaml), template.yaml and baton.toml.
    #[arg(default_value = ".")]
    pub(crate) dir: PathBuf,
    /// Keep everything in memory; gone at exit.
    #[arg(long, conflicts_with = "data_dir")]
    pub(crate) ephemeral: bool,
    #[command(flatten)]
    pub(crate) config: ConfigArg,
    #[command(flatten)]
    pub(crate) server: ServerSettings,
    #[command(flatten)]
    pub(crate) limits: LimitSettings,
    #[command(flatten)]
    pub(crate) aws: AwsSettings,
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct UpArgs {
    #[command(flatten)]
    pub(crate) serve: ServeArgs,
    /// Try a cluster on this machine instead: Redis and RabbitMQ of the system's packages, several coordinators, two workers; data and logs in
    /// DIR/.baton/cluster.
    #[arg(long, conflicts_with = "ephemeral")]
    pub(crate) cluster: bool,
    /// With --cluster: so many coordinators, 1 to 16.
    #[arg(long, value_name = "COUNT", requires = "cluster", default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=16))]
    pub(crate) coordinators: u8,
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct CoordinatorArgs {
    #[command(flatten)]
    pub(crate) config: ConfigArg,
    #[command(flatten)]
    pub(crate) member: MemberSettings,
    #[command(flatten)]
    pub(crate) server: ServerSettings,
    #[command(flatten)]
    pub(crate) store: StoreSettings,
    #[command(flatten)]
    pub(crate) queue: QueueSettings,
    #[command(flatten)]
    pub(crate) limits: LimitSettings,
    #[command(flatten)]
    pub(crate) aws: AwsSettings,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogsTo {
    File,
    Stdout,
    #[value(name = "cloudwatch")]
    CloudWatch,
    None,
}

/// Where items of Distributed Maps may be beside S3 and folders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ItemStore {
    Gcs,
    Azure,
    Http,
}

impl std::fmt::Display for ItemStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Gcs => "gcs",
            Self::Azure => "azure",
            Self::Http => "http",
        })
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) enum EventsTo {
    EventBridge,
    File,
    Webhook(String),
    None,
}

impl std::str::FromStr for EventsTo {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "eventbridge" => Ok(Self::EventBridge),
            "file" => Ok(Self::File),
            "none" => Ok(Self::None),
            url if url.contains("://") => Ok(Self::Webhook(url.to_owned())),
            _ => Err("expected eventbridge, file, none, or the http:// address of a webhook"),
        }
    }
}

impl TryFrom<String> for EventsTo {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct WorkerArgs {
    /// URLs of the coordinators, comma separated.
    #[arg(long, env = "BATON_COORDINATOR", value_delimiter = ',', default_value = "http://127.0.0.1:8083")]
    pub(crate) coordinator: Vec<String>,
    /// Folder with template.yaml or baton.toml.
    #[arg(long, env = "BATON_FUNCTIONS", default_value = ".")]
    pub(crate) functions: PathBuf,
    /// Name shown in histories and lists; host and process by default.
    #[arg(long, env = "BATON_WORKER_NAME")]
    pub(crate) name: Option<String>,
    /// Token that the coordinators ask for.
    #[arg(long, env = "BATON_WORKER_TOKEN", hide_env_values = true)]
    pub(crate) token: Option<Secret>,
    /// Certificates that the coordinators' may be signed with, in PEM, for https:// addresses; the system's by default.
    #[arg(long, env = "BATON_COORDINATOR_CA_FILE", value_name = "FILE")]
    pub(crate) coordinator_ca_file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) config: ConfigArg,
    #[command(flatten)]
    pub(crate) queue: QueueSettings,
    #[command(flatten)]
    pub(crate) aws: AwsSettings,
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct RunArgs {
    /// The definition: *.asl.json or *.asl.yaml. Functions come from template.yaml or baton.toml beside it.
    pub(crate) file: PathBuf,
    /// Input: JSON text, a file's path, or - for standard input.
    #[arg(long, short, default_value = "{}")]
    pub(crate) input: String,
    /// Test cases in Step Functions Local's format; MockConfigFile.json beside the definition by default.
    #[arg(long, value_name = "FILE", env = "SFN_MOCK_CONFIG")]
    pub(crate) mock_config: Option<PathBuf>,
    /// The test case that answers for the definition's tasks.
    #[arg(long, visible_alias = "mock", value_name = "NAME")]
    pub(crate) test_case: Option<String>,
    /// Print only the output, no tree.
    #[arg(long, short)]
    pub(crate) quiet: bool,
    #[command(flatten)]
    pub(crate) config: ConfigArg,
    #[command(flatten)]
    pub(crate) limits: LimitSettings,
    #[command(flatten)]
    pub(crate) aws: AwsSettings,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ExecCommand {
    /// Start an execution.
    Start {
        #[command(flatten)]
        common: CommonArgs,
        /// Name or ARN of the state machine; with #NAME, a test case of the server's mock configuration.
        state_machine: String,
        /// Input: JSON text, a file's path, or - for standard input.
        #[arg(long, short, default_value = "{}")]
        input: String,
        /// Name of the execution; a random one by default.
        #[arg(long)]
        name: Option<String>,
        /// Wait until it has ended; the exit code tells how.
        #[arg(long, short)]
        wait: bool,
        /// Run it with StartSyncExecution, for state machines of the type EXPRESS; the exit code tells how it ended.
        #[arg(long, short, conflicts_with = "wait")]
        sync: bool,
    },
    /// List executions, newest first.
    List {
        #[command(flatten)]
        common: CommonArgs,
        /// Name or ARN of a state machine; all by default.
        state_machine: Option<String>,
        /// The children of this Map Run instead: its ARN, or its execution, whose latest Map Run it is.
        #[arg(long, value_name = "MAP_RUN", conflicts_with = "state_machine")]
        map_run: Option<String>,
        /// Only those with this status.
        #[arg(long, value_name = "STATUS", ignore_case = true)]
        status: Option<StatusFilter>,
        /// At most this many.
        #[arg(long, default_value_t = 20)]
        limit: usize,
    },
    /// Show one execution, and what it waits for.
    Describe(OneExecution),
    /// Show the history of one execution.
    History(OneExecution),
    /// Follow one execution: its states as a live tree.
    Watch(OneExecution),
    /// Let an execution that has not succeeded go on where it ended, with the same definition and input.
    Redrive {
        #[command(flatten)]
        one: OneExecution,
        /// Repeating the request with the same token changes nothing, for 15 minutes.
        #[arg(long, value_name = "TOKEN")]
        client_token: Option<String>,
        /// Wait until it has ended; the exit code tells how.
        #[arg(long, short)]
        wait: bool,
    },
    /// Stop one execution.
    Stop {
        #[command(flatten)]
        one: OneExecution,
        /// Error to record.
        #[arg(long)]
        error: Option<String>,
        /// Cause to record.
        #[arg(long)]
        cause: Option<String>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum MapRunCommand {
    /// Show one Map Run: how far it is, its counters and limits.
    Describe(OneMapRun),
    /// List the child executions that have failed or timed out, with error, cause and input.
    Failures {
        #[command(flatten)]
        one: OneMapRun,
        /// Only those with this status.
        #[arg(long, value_enum)]
        status: Option<Unsuccessful>,
        /// At most this many.
        #[arg(long, default_value_t = 20, value_parser = at_least_one)]
        limit: usize,
        /// Go on where the page before has ended, which says how.
        #[arg(long, value_name = "PAGE")]
        page: Option<String>,
    },
    /// Change how many children may run at once, and how many failures are tolerated, of a Map Run that is running.
    Update {
        #[command(flatten)]
        one: OneMapRun,
        #[command(flatten)]
        limits: MapRunLimits,
    },
    /// Do again what has not succeeded, by redriving the execution that began the Map Run.
    Redrive {
        #[command(flatten)]
        one: OneMapRun,
        /// Wait until the execution has ended; the exit code tells how.
        #[arg(long, short)]
        wait: bool,
    },
}

/// What is left out stays as it is.
#[derive(Clone, Debug, clap::Args)]
#[group(required = true, multiple = true)]
pub(crate) struct MapRunLimits {
    /// At most so many children run at once; 0 for no limit.
    #[arg(long, value_name = "COUNT")]
    pub(crate) max_concurrency: Option<u32>,
    /// The Map Run fails when more items than this have failed.
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(i64).range(0..))]
    pub(crate) tolerated_failure_count: Option<i64>,
    /// The Map Run fails when more than this part of its items has failed, 0 to 100.
    #[arg(long, value_name = "PERCENT", value_parser = percentage)]
    pub(crate) tolerated_failure_percentage: Option<f64>,
}

fn percentage(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|error| format!("{error}"))?;
    if (0.0..=100.0).contains(&number) { Ok(number) } else { Err("must be between 0 and 100".to_owned()) }
}

fn at_least_one(text: &str) -> Result<usize, String> {
    let number: usize = text.parse().map_err(|error| format!("{error}"))?;
    if number == 0 { Err("must be at least 1".to_owned()) } else { Ok(number) }
}

/// What `statusFilter` of ListExecutions takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum StatusFilter {
    Running,
    Succeeded,
    Failed,
    TimedOut,
    Aborted,
    PendingRedrive,
}

impl StatusFilter {
    /// As the API has it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Running => "RUNNING",
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::TimedOut => "TIMED_OUT",
            Self::Aborted => "ABORTED",
            Self::PendingRedrive => "PENDING_REDRIVE",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum Unsuccessful {
    Failed,
    TimedOut,
    Aborted,
}

impl Unsuccessful {
    /// As the API has it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Failed => "FAILED",
            Self::TimedOut => "TIMED_OUT",
            Self::Aborted => "ABORTED",
        }
    }
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct OneMapRun {
    #[command(flatten)]
    pub(crate) common: CommonArgs,
    /// ARN of the Map Run; or of its execution, or that one's name, unique prefix or @latest, @failed, @running, whose latest Map Run it is.
    #[arg(default_value = "@latest")]
    pub(crate) map_run: String,
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct OneExecution {
    #[command(flatten)]
    pub(crate) common: CommonArgs,
    /// ARN, name or unique prefix of a name, or @latest, @failed, @running.
    #[arg(default_value = "@latest")]
    pub(crate) execution: String,
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct CommonArgs {
    /// table for people, json in the shapes of the API.
    #[arg(long, short, value_enum, default_value_t = Format::Table)]
    pub(crate) output: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Table,
    Json,
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct TestStateArgs {
    #[command(flatten)]
    pub(crate) common: CommonArgs,
    /// A file with the definition of a state or a state machine, or the name or ARN of a state machine of the server.
    pub(crate) definition: String,
    /// Name of the state, however deep inside; needed unless the definition is that of a single state.
    #[arg(long, short, value_name = "NAME")]
    pub(crate) state: Option<String>,
    /// Input: JSON text, a file's path, or - for standard input.
    #[arg(long, short, default_value = "{}")]
    pub(crate) input: String,
    /// Workflow variables: a JSON object, or a file with one.
    #[arg(long, value_name = "JSON")]
    pub(crate) variables: Option<String>,
    /// What the state's work gives, instead of doing it: JSON text or a file's path.
    #[arg(long, value_name = "JSON", conflicts_with = "mock_error")]
    pub(crate) mock: Option<String>,
    /// The error that the state's work fails with, instead of doing it: its name, or {"error": NAME, "cause": TEXT}.
    #[arg(long, value_name = "ERROR")]
    pub(crate) mock_error: Option<String>,
    /// Show the data at every step.
    #[arg(long)]
    pub(crate) inspect: bool,
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct LintArgs {
    /// Definitions, *.json or *.yaml, or folders of them.
    #[arg(required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// table draws each finding in its source, json prints an array.
    #[arg(long, short, value_enum, default_value_t = Format::Table)]
    pub(crate) output: Format,
    /// Check as an Express state machine.
    #[arg(long)]
    pub(crate) express: bool,
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct DoctorArgs {
    /// Look into this data folder as a start would, and change nothing in it.
    #[arg(long, value_name = "DATA_DIR", conflicts_with = "repair")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Repair this data folder if that costs nothing; else say what it would cost. What is replaced is kept beside it.
    #[arg(long, value_name = "DATA_DIR")]
    pub(crate) repair: Option<PathBuf>,
    /// Repair it even though something is lost.
    #[arg(long, requires = "repair")]
    pub(crate) accept_loss: bool,
    #[command(flatten)]
    pub(crate) config: ConfigArg,
    #[command(flatten)]
    pub(crate) store: StoreSettings,
    #[command(flatten)]
    pub(crate) queue: QueueSettings,
}
