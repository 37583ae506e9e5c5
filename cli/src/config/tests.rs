//! The keys, their flags and variables against the page that lists them; mistakes in files.

use std::path::Path;

use clap::{Args, Command};

use super::file::{self, TABLES};
use super::*;
use crate::args::{EventsTo, LogsTo};

/// A table's name and, for each of its keys in order, the variable and the flag that say the same.
fn flags_of<T: Args>() -> Vec<(String, String)> {
    let command = T::augment_args(Command::new("baton"));
    let said = |arg: &clap::Arg| {
        let variable = arg.get_env().expect("each key has a variable").to_string_lossy().into_owned();
        (variable, format!("--{}", arg.get_long().expect("each key has a flag")))
    };
    command.get_arguments().map(said).collect()
}

fn rows_of_code() -> Vec<(String, [String; 3])> {
    let flags = |table: &str| match table {
        "server" => [flags_of::<MemberSettings>(), flags_of::<ServerSettings>()].concat(),
        "store" => flags_of::<StoreSettings>(),
        "queue" => flags_of::<QueueSettings>(),
        "limits" => flags_of::<LimitSettings>(),
        "aws" => flags_of::<AwsSettings>(),
        other => panic!("which settings are those of [{other}]?"),
    };
    let rows = TABLES.iter().flat_map(|(table, keys)| {
        let keys: Vec<_> = keys.iter().flat_map(|keys| keys()).collect();
        let flags = flags(table);
        assert_eq!(keys.len(), flags.len(), "[{table}]");
        keys.into_iter().zip(flags).map(|(key, (variable, flag))| ((*table).to_owned(), [(*key).to_owned(), variable, flag]))
    });
    rows.collect()
}

fn rows_of_page() -> Vec<(String, [String; 3])> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/configuration.md");
    let page = std::fs::read_to_string(page).expect("the page is there");
    let mut table = String::new();
    let mut rows = Vec::new();
    for line in page.lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            table = heading.trim_matches(['`', '[', ']']).to_owned();
        } else if TABLES.iter().any(|(name, _)| *name == table) && line.starts_with("| `") {
            let cells: Vec<_> = line.split(" | ").map(|cell| cell.trim_matches(['|', ' ', '`']).to_owned()).collect();
            rows.push((table.clone(), [cells[0].clone(), cells[1].clone(), cells[2].clone()]));
        }
    }
    rows
}

#[test]
fn the_page_lists_every_key_with_its_variable_and_its_flag() {
    let (mut code, mut page) = (rows_of_code(), rows_of_page());
    code.sort();
    page.sort();
    assert_eq!(page, code);
}

#[test]
fn a_file_says_everything() {
    let text = r#"
        [server]
        name = "a"
        port = 9000
        listen = "0.0.0.0"
        data_dir = "data"
        execution_logs = ["file", "stdout"]
        status_events = ["http://127.0.0.1:9/hook"]
        worker_tokens = ["secret"]
        [store]
        url = "redis://:secret@127.0.0.1"
        policy = "relaxed"
        [queue]
        url = "amqp://guest:secret@127.0.0.1/%2f"
        [limits]
        payload_bytes = 300000
        [aws]
        region = "eu-central-1"
        [functions.A]
        runtime = "command"
        code = ["cat"]
    "#;
    let config = file::parse(text, Path::new("baton.toml")).expect("the file is sound");
    assert_eq!(config.member.name.as_deref(), Some("a"));
    assert_eq!(config.server.listens().to_string(), "0.0.0.0:9000");
    assert_eq!(config.server.execution_logs.as_deref(), Some(&[LogsTo::File, LogsTo::Stdout][..]));
    assert_eq!(config.server.status_events.as_deref(), Some(&[EventsTo::Webhook("http://127.0.0.1:9/hook".to_owned())][..]));
    assert_eq!(config.store.policy.as_deref(), Some("relaxed"));
    assert_eq!(config.limits.payload_bytes.map(|bytes| bytes.get()), Some(300_000));
    assert_eq!(config.aws.location().region, "eu-central-1");
    assert!(!format!("{config:?}").contains("secret"), "{config:?}");
}

#[test]
fn paths_are_seen_from_the_file() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let file = folder.path().join("baton.toml");
    std::fs::write(&file, "[server]\ndata_dir = \"data\"\ntls_key = \"/etc/key\"\n[store]\nca_file = \"ca.pem\"\n")
        .expect("it can be written");
    let config = Config::read(&file).expect("the file is sound");
    assert_eq!(config.server.data_dir, Some(folder.path().join("data")));
    assert_eq!(config.member.tls_key.as_deref(), Some(Path::new("/etc/key")));
    assert_eq!(config.store.ca_file, Some(folder.path().join("ca.pem")));
}

#[test]
fn flags_and_variables_win_over_the_file() {
    let file = file::parse("[server]\nport = 1\n[aws]\nlambda_endpoint = \"http://file\"\n", Path::new("baton.toml")).expect("it is sound");
    let mut said = Config::default();
    said.server.port = Some(2);
    said.aws.endpoint_url = Some("http://all".to_owned());
    let config = said.over(file);
    assert_eq!(config.server.port, Some(2));
    assert_eq!(config.aws.lambda_endpoint.as_deref(), Some("http://all"));
}

#[test]
fn mistakes_name_the_line_and_what_was_meant() {
    for (text, expected) in [
        ("\n[sever]\nport = 1\n", "baton.toml:2: there is no table [sever]; did you mean [server]?"),
        ("[function.A]\nruntime = \"http\"\n", "baton.toml:1: there is no table [function]; did you mean [functions]?"),
        ("[whatever]\n", "baton.toml:1: there is no table [whatever]"),
        ("port = 1\n", "baton.toml:1: there is no table [port]"),
        ("[server]\nprot = 1\n", "baton.toml:2: [server] has no key prot; did you mean port?"),
        ("[server]\n\nnmae = \"a\"\n", "baton.toml:3: [server] has no key nmae; did you mean name?"),
        ("[store]\npolcy = \"fsync\"\n", "baton.toml:2: [store] has no key polcy; did you mean policy?"),
        ("[functions.A]\nruntime = \"http\"\ntimeuot = 3\n", "baton.toml:3: [functions.A] has no key timeuot; did you mean timeout?"),
        ("[server]\nport = 70000\n", "baton.toml:2: "),
        ("[store]\npolicy = 1\n", "baton.toml:2: invalid type: integer `1`, expected a string"),
        ("[server]\nexecution_logs = [\"files\"]\n", "baton.toml:2: unknown variant `files`"),
        ("[server]\nstatus_events = [\"files\"]\n", "baton.toml:2: expected eventbridge, file, none"),
        ("[limits]\npayload_bytes = 1\n", "baton.toml:2: 1 is not between 262144 and 16777216"),
        ("server = 1\n", "baton.toml:1: invalid type: integer `1`, expected struct"),
        ("[server\n", "baton.toml:1: "),
    ] {
        let error = file::parse(text, Path::new("baton.toml")).expect_err(text).to_string();
        assert!(error.starts_with(expected), "{text}\n got {error}\nwant {expected}");
    }
}

#[test]
fn an_account_is_twelve_digits() {
    for (account, region, fine) in [("123456789012", "us-east-1", true), ("1234", "us-east-1", false), ("123456789012", "US", false)] {
        let aws = AwsSettings { account: Some(account.to_owned()), region: Some(region.to_owned()), ..AwsSettings::default() };
        assert_eq!(aws.checked_location().is_ok(), fine, "{account} {region}");
    }
}
