//! `baton completions SHELL`.

use clap::CommandFactory;

use crate::args::Args;
use crate::exit::CliResult;

pub(crate) fn run(shell: clap_complete::Shell) -> CliResult {
    clap_complete::generate(shell, &mut Args::command(), "baton", &mut std::io::stdout());
    Ok(())
}
