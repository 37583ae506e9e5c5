//! What `baton doctor` finds out about the store and the broker of a cluster.

use std::time::Duration;

use baton_coordinator::server::{
    BrokerFacts, Fact, MemberSeen, PolicyState, RabbitMqSettings, RedisOptions, RedisStore, inspect_broker, shipped_policies,
};
use baton_coordinator::store::Member;

use super::doctor::say;
use crate::args::DoctorArgs;
use crate::commands::block_on;
use crate::config::Config;
use crate::exit::CliResult;
use crate::http;

/// A clock that is further away makes histories hard to read.
const CLOCK_AHEAD_MAX_MS: i64 = 500;

/// A member that has been silent for longer has not ended in order.
const MEMBER_SILENT_MAX_MS: i64 = 1_500;
/// How long a member may take to tell its metrics.
const METRICS_MAX: Duration = Duration::from_secs(3);

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
    good & check_clock(options).await & check_members(options).await
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

/// Each member as it has said, and as its metrics say if they can be read from here.
async fn check_members(options: &RedisOptions) -> bool {
    let members = match RedisStore::members(options).await {
        Ok(members) => members,
        Err(error) => return say(false, "the store tells its members", &error.to_string()),
    };
    let mut good = true;
    if members.is_empty() {
        say(true, "the cluster has no coordinator at the moment", "");
    }
    for MemberSeen { member, heard_ms_ago } in &members {
        let Member { name, address, owned, sessions, is_leaving, .. } = member;
        let is_living = *heard_ms_ago <= MEMBER_SILENT_MAX_MS;
        let (leaving, owned, sessions) = (if *is_leaving { ", leaving" } else { "" }, owned.len(), sessions.len());
        let what = format!(
            "coordinator {name} at {address} lives{leaving}: heard of {heard_ms_ago} ms ago, {owned} shards, {sessions} sessions of workers"
        );
        good &= say(is_living, &what, "others take over what it has; its log says why it is silent");
        if is_living {
            good &= check_told(name, &told(address).await);
        }
    }
    good
}

/// What a member says of itself.
#[derive(Default)]
struct Told {
    version: Option<String>,
    store_ahead_ms: Option<f64>,
    /// Why nothing is known.
    unknown: Option<String>,
}

async fn told(address: &str) -> Told {
    let client = match http::client(address) {
        Ok(client) => client,
        Err(error) => return Told { unknown: Some(error.message), ..Told::default() },
    };
    let asked = async { client.get(format!("{address}/metrics")).timeout(METRICS_MAX).send().await?.text().await };
    match asked.await {
        Ok(metrics) => {
            let line = |name: &str| metrics.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
            let version = line("baton_build_info{version=\"").and_then(|rest| rest.split('"').next()).map(str::to_owned);
            let ahead = line("baton_store_clock_ahead_seconds ").and_then(|value| value.parse::<f64>().ok());
            Told { version, store_ahead_ms: ahead.map(|seconds| seconds * 1_000.0), unknown: None }
        }
        Err(error) => Told { unknown: Some(http::unreachable(address, &error).message), ..Told::default() },
    }
}

fn check_told(name: &str, told: &Told) -> bool {
    if let Some(reason) = &told.unknown {
        // It may be reachable for other members alone.
        return say(true, &format!("what coordinator {name} runs cannot be asked from here: {reason}"), "");
    }
    let own = env!("CARGO_PKG_VERSION");
    let version = told.version.as_deref().unwrap_or("unknown");
    let what = format!("coordinator {name} is of version {version}, as this program is");
    let mut good = say(version == own, &what, &format!("this is {own}: finish the upgrade, coordinators one after another"));
    if let Some(ahead) = told.store_ahead_ms {
        let what = format!("the store's clock and coordinator {name}'s agree within {CLOCK_AHEAD_MAX_MS} ms (it is {ahead:.0} ms ahead)");
        good &= say(ahead.abs() <= CLOCK_AHEAD_MAX_MS as f64, &what, "let both follow a time server: timedatectl set-ntp true");
    }
    good
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
