//! `baton dev`: serves a folder and follows its changes.

use super::serve::{self, Mode};
use crate::args::ServeArgs;
use crate::exit::CliResult;
use crate::logs;

pub(crate) fn run(args: ServeArgs) -> CliResult {
    logs::init(logs::Style::People);
    serve::run(args, Mode::Dev)
}
