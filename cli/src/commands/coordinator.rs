//! `baton coordinator`: one of several servers that share a store and a broker.

use std::io::Write;
use std::time::Duration;

use crate::args::CoordinatorArgs;
use crate::config::Config;
use crate::exit::{CliError, CliResult, Exit};
use crate::logs;

pub(crate) fn run(args: CoordinatorArgs) -> CliResult {
    logs::init(logs::Style::Json);
    let CoordinatorArgs { config, member, server, store, queue, limits, aws } = args;
    let file = Config::named(&config)?;
    let config = Config { member, server, store, queue, limits, aws }.over(file);
    if config.store.url.is_none() {
        return Err(CliError::new(Exit::Usage, "no store is named that the coordinators share")
            .next("name it with --store redis://HOST:PORT, or use `baton up`, which keeps its data itself"));
    }
    let _ = (Duration::ZERO, std::io::stdout().flush());
    Ok(())
}
