//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::http::Endpoint;

/// Load and chaos for a Step Functions endpoint, with every result checked.
#[derive(Debug, Parser)]
#[command(name = "loadtest", version)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a scenario against an endpoint and check how every execution ended
    Run(RunArgs),
    /// List the scenarios that ship
    List,
    /// Serve the functions of a scenario in this process until SIGTERM
    Worker(WorkerArgs),
    /// Publish, consume and acknowledge offers at a RabbitMQ, with nothing else around: what the speed of a cluster is to be read against
    Broker(BrokerArgs),
    /// Kill a real baton and a real worker again and again, and prove that nothing was lost or done twice
    Chaos(ChaosArgs),
    /// Kill a real baton and a real worker again and again under a Distributed Map, and prove that its counters and results are exact
    ChaosMap(MapChaosArgs),
    /// Break a real cluster in every way, one after the other, and prove that nothing was lost or done twice, and how soon it was whole again
    ChaosCluster(ClusterChaosArgs),
}

#[derive(Clone, Debug, Args)]
pub(crate) struct RunArgs {
    /// A scenario's name, or the path of a scenario file
    pub(crate) scenario: String,
    /// Where the server listens, http://HOST:PORT
    #[arg(long)]
    pub(crate) endpoint: Endpoint,
    /// Start executions for this long
    #[arg(long)]
    pub(crate) seconds: Option<u64>,
    /// Start this many executions at most
    #[arg(long)]
    pub(crate) executions: Option<u64>,
    /// Executions under way at a time (in an open loop: at most)
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub(crate) in_flight: Option<u32>,
    /// Open loop: start this many executions a second, whether or not earlier ones have ended
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rate: Option<u32>,
    /// Where the scenario's functions run
    #[arg(long, value_enum, default_value_t = WorkerPlace::Process)]
    pub(crate) worker: WorkerPlace,
    /// Slots of each function in the worker
    #[arg(long, default_value_t = 256)]
    pub(crate) concurrency: u32,
    /// Read and check this many whole histories, spread evenly over the run
    #[arg(long, default_value_t = 100)]
    pub(crate) histories: u64,
    /// distributed-map: how many items
    #[arg(long)]
    pub(crate) items: Option<u64>,
    /// distributed-map: where the items are written to, one a line, or as an array if the name ends in .json; the server must be told to read
    /// there with --item-folders [default: loadtest-items.jsonl in --data-dir]
    #[arg(long, value_name = "PATH")]
    pub(crate) file: Option<PathBuf>,
    /// distributed-map: leave the items and the results where they are
    #[arg(long)]
    pub(crate) keep_items: bool,
    /// Process id of the server; by default the local process that listens on the endpoint's port
    #[arg(long)]
    pub(crate) server_pid: Option<u32>,
    /// Sleepers: kill the server, start it again with this shell command, and measure when it answers
    #[arg(long, value_name = "COMMAND")]
    pub(crate) restart_command: Option<String>,
    /// Sleepers: seconds between the last start and the look at the server's memory
    #[arg(long, default_value_t = 40)]
    pub(crate) settle: u64,
    /// Folder on the server's disk in which flushes are timed
    #[arg(long, default_value = ".")]
    pub(crate) data_dir: PathBuf,
    /// Write the report here as JSON
    #[arg(long)]
    pub(crate) json: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum WorkerPlace {
    /// In a process of its own
    Process,
    /// In the process that makes the load
    InProcess,
    /// Somebody else runs the worker
    None,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct WorkerArgs {
    /// A scenario's name, or the path of a scenario file
    #[arg(default_value = "five-tasks")]
    pub(crate) scenario: String,
    /// Where the coordinator listens, http://HOST:PORT; several, of one cluster, with commas between
    #[arg(long, value_delimiter = ',', required = true)]
    pub(crate) coordinator: Vec<String>,
    /// Take tasks from this broker, amqp://USER:PASSWORD@HOST:PORT/VHOST, instead of from the coordinator
    #[arg(long)]
    pub(crate) queue: Option<String>,
    /// Slots of each function
    #[arg(long, default_value_t = 256)]
    pub(crate) concurrency: u32,
    /// End when standard input does: with whoever started this, however that ends
    #[arg(long)]
    pub(crate) until_input_ends: bool,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct BrokerArgs {
    /// The broker, amqp://USER:PASSWORD@HOST:PORT/VHOST; by default one is started and ended again
    #[arg(long)]
    pub(crate) url: Option<String>,
    /// Publish for this long, for each size of message
    #[arg(long, default_value_t = 10)]
    pub(crate) seconds: u64,
    /// Queues, each with a consumer
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=256))]
    pub(crate) queues: u32,
    /// Messages that wait for their confirmation at a time
    #[arg(long, default_value_t = 512, value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub(crate) in_flight: u32,
    /// Quorum queues instead of classic ones
    #[arg(long)]
    pub(crate) quorum: bool,
    /// Bytes of an offer's token
    #[arg(long, default_value_t = 64)]
    pub(crate) token_bytes: usize,
    /// Write the report here as JSON
    #[arg(long)]
    pub(crate) json: Option<PathBuf>,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct ChaosCommon {
    /// The baton binary
    #[arg(long)]
    pub(crate) baton: PathBuf,
    /// Repeats the run that printed it: the same work, victims, faults and pauses
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// Keep the data and logs even if all went well
    #[arg(long)]
    pub(crate) keep: bool,
    /// Write the report here as JSON
    #[arg(long)]
    pub(crate) json: Option<PathBuf>,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct ChaosArgs {
    #[command(flatten)]
    pub(crate) common: ChaosCommon,
    /// The example whose orders are run
    #[arg(long, default_value = "examples/order-processing")]
    pub(crate) example: PathBuf,
    /// How often something is killed
    #[arg(long, default_value_t = 50)]
    pub(crate) kills: u32,
    /// Orders to run
    #[arg(long, default_value_t = 400)]
    pub(crate) executions: u32,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct MapChaosArgs {
    #[command(flatten)]
    pub(crate) common: ChaosCommon,
    /// Items to map
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) items: u64,
    /// How often something is killed
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) kills: u32,
    /// Type of the child executions; of Standard ones the ledger must show each attempt once
    #[arg(long, value_enum, default_value_t = MapKind::Express)]
    pub(crate) kind: MapKind,
    /// Let the map fail for its failures, mend what they failed for, and redrive it while the killing goes on
    #[arg(long)]
    pub(crate) redrive: bool,
    /// MaxConcurrency of the map
    #[arg(long, default_value_t = 1_000)]
    pub(crate) concurrency: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum MapKind {
    Express,
    Standard,
}

impl MapKind {
    /// `ExecutionType`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Express => "EXPRESS",
            Self::Standard => "STANDARD",
        }
    }
}

#[derive(Clone, Debug, Args)]
pub(crate) struct ClusterChaosArgs {
    #[command(flatten)]
    pub(crate) common: ChaosCommon,
    /// The example whose orders are run
    #[arg(long, default_value = "examples/order-processing")]
    pub(crate) example: PathBuf,
    /// How many faults
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) faults: u32,
    /// Orders to run
    #[arg(long, default_value_t = 4000)]
    pub(crate) executions: u32,
    /// Only these kinds of faults, of those that the report names
    #[arg(long, value_delimiter = ',')]
    pub(crate) only: Vec<String>,
    /// For how long a coordinator stands still that is stopped, seconds
    #[arg(long, default_value_t = 30)]
    pub(crate) pause: u64,
    /// 99 of 100 take-overs must take less, seconds
    #[arg(long, default_value_t = 3.0)]
    pub(crate) take_over_max: f64,
    /// 99 of 100 shards that are handed over must stand still for less, seconds
    #[arg(long, default_value_t = 0.2)]
    pub(crate) hand_over_max: f64,
    /// Tasks that are outstanding when the broker comes back must be with workers after this time, seconds
    #[arg(long, default_value_t = 15.0)]
    pub(crate) re_offer_max: f64,
    /// Say how long everything took, and judge by what was lost or done twice alone: for machines that are busy
    #[arg(long)]
    pub(crate) no_limits: bool,
    /// This process has a network of its own already
    #[arg(long, hide = true)]
    pub(crate) inside: bool,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
