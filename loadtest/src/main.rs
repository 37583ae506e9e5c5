//! Load for any Step Functions endpoint, and chaos for baton.
//!
//! `loadtest run` starts executions in a closed loop (as many in flight as asked for) or an open one (at a rate, whatever the server does),
//! looks at every single one of them afterwards, and says how fast it went and what it cost. `loadtest chaos` kills a real
//! server and a real worker at random moments and proves that nothing was lost or done twice. Nothing here knows more of the server
//! than its public API and its worker protocol.

mod api;
mod backoff;
mod broker;
mod chaos;
mod check;
mod cli;
mod http;
mod map_run;
mod probe;
mod progress;
mod random;
mod report;
mod run;
mod scenario;
mod server_process;
mod worker;

use std::future::Future;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use serde::Serialize;
use tokio::task::LocalSet;

use crate::cli::{Cli, Command};
use crate::scenario::Scenario;

fn main() -> ExitCode {
    match carry_out(Cli::parse().command) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whether everything was as it must be.
fn carry_out(command: Command) -> anyhow::Result<bool> {
    match command {
        Command::Run(args) if args.scenario == map_run::NAME => {
            let report = on_one_thread(map_run::run(&args))?;
            println!("{}", report.table());
            write_json(args.json.as_deref(), &report)?;
            Ok(report.is_sound())
        }
        Command::Run(args) => {
            let report = on_one_thread(run::run(&args))?;
            println!("{}", report.table());
            write_json(args.json.as_deref(), &report)?;
            Ok(report.is_sound())
        }
        Command::List => {
            list();
            Ok(true)
        }
        Command::Worker(args) => on_all_processors(worker::run(&args)).map(|()| true),
        Command::Broker(args) => {
            let report = on_all_processors(broker::run(&args))?;
            println!("{}", report.text());
            write_json(args.json.as_deref(), &report)?;
            Ok(report.is_sound())
        }
        Command::Chaos(args) => {
            let report = on_one_thread(chaos::run(&args))?;
            println!("{}", report.text());
            write_json(args.common.json.as_deref(), &report)?;
            Ok(report.is_sound())
        }
        Command::ChaosMap(args) => {
            let report = on_one_thread(chaos::map::run(&args))?;
            println!("{}", report.text());
            write_json(args.common.json.as_deref(), &report)?;
            Ok(report.is_sound())
        }
        Command::ChaosCluster(args) => {
            let cuts = chaos::cluster::enter_own_network(args.inside)?;
            let report = on_one_thread(chaos::cluster::run(&args, cuts))?;
            println!("{}", report.text());
            write_json(args.common.json.as_deref(), &report)?;
            Ok(report.is_sound())
        }
    }
}

/// The generator must leave the processors to the server; one thread without locks is the cheapest way to make load.
fn on_one_thread<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, work)
}

fn on_all_processors<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(work)
}

fn list() {
    for scenario in Scenario::shipped() {
        println!("{:<15} {}", scenario.name, scenario.summary);
    }
    println!("{:<15} A Distributed Map over a file of items, with Express children and one task in an external worker", map_run::NAME);
}

fn write_json(path: Option<&Path>, report: &impl Serialize) -> anyhow::Result<()> {
    let Some(path) = path else { return Ok(()) };
    let text = serde_json::to_string_pretty(report).context("the report cannot be written as JSON")?;
    std::fs::write(path, text + "\n").with_context(|| format!("cannot write {}", path.display()))
}
