//! `baton up`: the durable single-node server.

use super::serve::{self, Mode};
use crate::args::ServeArgs;
use crate::exit::CliResult;
use crate::logs;

pub(crate) fn run(args: ServeArgs) -> CliResult {
    logs::init(logs::Style::Json);
    serve::run(args, Mode::Up)
}
