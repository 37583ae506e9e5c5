//! `baton`: one binary that serves, works, runs, watches and lints.

mod args;
mod client;
mod commands;
mod config;
mod exit;
mod http;
mod logs;
mod map_progress;
mod output;
mod project;
mod screen;
mod tree;

use clap::Parser;
use exit::Exit;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    // Handlers' processes begin as this binary, so that they end with their worker.
    baton_worker::child::run_if_requested();
    let args = args::Args::parse();
    match commands::run(args) {
        Ok(()) => Exit::Ok.into(),
        Err(error) => {
            error.report();
            error.exit.into()
        }
    }
}
