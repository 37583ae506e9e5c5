//! What `baton doctor` finds out about the store and the broker of a cluster.

use baton_coordinator::server::{
    BrokerFacts, Fact, PolicyState, RabbitMqSettings, RedisOptions, RedisStore, inspect_broker, shipped_policies,
};

use super::doctor::say;
use crate::args::DoctorArgs;
use crate::commands::block_on;
use crate::config::Config;
use crate::exit::CliResult;

/// A clock that is further away makes histories hard to read.
const CLOCK_AHEAD_MAX_MS: i64 = 500;

/// Answers whether all is well. Without a store or a broker there is nothing to look at.
pub(super) fn check(args: &DoctorArgs) -> CliResult<bool> {
    let said = Config { store: args.store.clone(), queue: args.queue.clone(), ..Config::default() };
    let config = said.over(Config::named(&args.config)?);
    let store = config.store.url.is_some().then(|| config.store.options()).transpose()?;
    let broker = config.queue.settings("doctor")?;
    block_on(async {
        let store = match &store {
            Some(options) => check_store(options).await,
            None => true,
        };
        let broker = match &broker {
            Some(settings) => check_broker(settings).await,
            None => true,
        };
        Ok(store && broker)
    })
}

async fn check_store(options: &RedisOptions) -> bool {
    let findings = match RedisStore::examine(options).await {
        Ok(findings) => findings,
        Err(error) => return say(false, "the store answers", &error.to_string()),
    };
    let durability = options.durability;
    let mut good = say(true, &format!("the store is {}", findings.server), "");
    for fault in &findings.faults {
        good &= say(false, &format!("the store keeps what the policy {durability} promises"), &fault.to_string());
    }
    if findings.faults.is_empty() {
        say(true, &format!("the store keeps what the policy {durability} promises"), "");
    }
    good & check_clock(options).await
}

async fn check_clock(options: &RedisOptions) -> bool {
    match RedisStore::clock_ahead_ms(options).await {
        Ok(ahead) => {
            let what = format!("the store's clock and this machine's agree within {CLOCK_AHEAD_MAX_MS} ms (it is {ahead} ms ahead)");
            say(ahead.abs() <= CLOCK_AHEAD_MAX_MS, &what, "let both follow a time server: timedatectl set-ntp true")
        }
        Err(error) => say(false, "the store tells its time", &error.to_string()),
    }
}

async fn check_broker(settings: &RabbitMqSettings) -> bool {
    match inspect_broker(settings).await {
        Ok(facts) => say(true, &format!("the broker is {facts}"), "") & check_policies(&facts),
        Err(reason) => say(false, "the broker answers", &format!("start it, or name another with --queue: {reason}")),
    }
}

fn check_policies(facts: &BrokerFacts) -> bool {
    const WHAT: &str = "the broker has the policies for baton's queues";
    let commands = || shipped_policies().iter().map(|policy| policy.command("/")).collect::<Vec<_>>().join("\n         ");
    match &facts.policies {
        Fact::Known(PolicyState::InPlace) => say(true, WHAT, ""),
        Fact::Known(PolicyState::Missing) => say(false, WHAT, &commands()),
        Fact::Known(PolicyState::Other { name }) => say(false, WHAT, &format!("{name} sets something else; {}", commands())),
        Fact::Known(PolicyState::Unreadable { name }) => {
            say(false, WHAT, &format!("look at {name}, whose pattern cannot be read here; {}", commands()))
        }
        // Not everybody has the management plugin; that is no fault.
        Fact::Unknown(reason) => say(true, &format!("whether the broker has the policies for baton's queues is not known: {reason}"), ""),
    }
}
