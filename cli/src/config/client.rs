//! What commands that speak to a server take from where they are run: the server that was started there.

use std::path::Path;

use baton_worker::functions::Location;
use clap::{Args, Command, FromArgMatches};

use super::{AwsSettings, Config, ConfigArg, ServerSettings};

/// Port of Step Functions Local, and ours.
pub(crate) const PORT_DEFAULT: u16 = 8083;

/// The server's URL: as given, or the port that a server would take that is started here and now.
pub(crate) fn client_endpoint(given: Option<String>) -> String {
    given.unwrap_or_else(|| {
        let port = variables::<ServerSettings>().or(here().server).port.filter(|port| *port != 0).unwrap_or(PORT_DEFAULT);
        format!("http://127.0.0.1:{port}")
    })
}

/// Region and account that a server would take that is started here and now.
pub(crate) fn client_location() -> Location {
    variables::<AwsSettings>().over(here().aws).location()
}

/// The file in the current folder. What is wrong with it is told by the server that reads it.
fn here() -> Config {
    Config::of_folder(&ConfigArg::default(), Path::new(".")).unwrap_or_default()
}

/// What the variables say. One that cannot be read is told by the server.
fn variables<T: Args + FromArgMatches + Default>() -> T {
    let command = T::augment_args(Command::new("baton"));
    command.try_get_matches_from(["baton"]).ok().and_then(|matches| T::from_arg_matches(&matches).ok()).unwrap_or_default()
}
