//! `baton up`: the durable single-node server, or a cluster on one machine.

use super::serve::{self, Mode};
use super::up_cluster;
use crate::args::UpArgs;
use crate::exit::CliResult;
use crate::logs;

pub(crate) fn run(args: UpArgs) -> CliResult {
    if args.cluster {
        return up_cluster::run(args);
    }
    logs::init(logs::Style::Json);
    serve::run(args.serve, Mode::Up)
}
