//! `baton completions SHELL`.

use std::io::Write;

use clap::CommandFactory;

use crate::args::Args;
use crate::exit::CliResult;

pub(crate) fn run(shell: clap_complete::Shell) -> CliResult {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "baton", &mut script);
    // A reader that has gone away (`| head`) has seen enough.
    let _ = std::io::stdout().write_all(&script);
    Ok(())
}
