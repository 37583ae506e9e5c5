//! `baton coordinator`: one of several servers that share a store and a broker.

use std::io::Write;
use std::time::Duration;

use baton_coordinator::server::Server;

use crate::args::CoordinatorArgs;
use crate::commands::serve;
use crate::commands::stop_signal::StopSignal;
use crate::config::Config;
use crate::exit::CliResult;
use crate::logs;

/// How long the end may take: requests and handlers that are under way, then what has to be written and handed over.
const END_MAX: Duration = Duration::from_secs(40);

pub(crate) fn run(args: CoordinatorArgs) -> CliResult {
    logs::init(logs::Style::Json);
    let CoordinatorArgs { config, member, server, store, queue, limits, aws } = args;
    let file = Config::named(&config)?;
    let config = Config { member, server, store, queue, limits, aws }.over(file);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.expect("a runtime needs only threads and file descriptors").block_on(serve(config))
}

async fn serve(config: Config) -> CliResult {
    let server = Server::start(config.coordinator_config()?).await.map_err(serve::not_started)?;
    let stop = StopSignal::listen();
    announce(&server);
    stop.received(END_MAX).await;
    tracing::info!("handing over");
    server.shutdown().await;
    Ok(())
}

/// The ready line goes to standard output, alone.
fn announce(server: &Server) {
    server.outlets().iter().for_each(|outlet| tracing::info!("{outlet}"));
    let mut out = std::io::stdout().lock();
    // Whoever does not read it need not know.
    let _ = writeln!(out, "baton ready {}", server.url()).and_then(|()| out.flush());
}
