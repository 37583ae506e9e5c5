//! Where log lines go: standard error, for people in `dev`, as JSON in `up` and `worker`.

use tracing_subscriber::EnvFilter;

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    People,
    Json,
}

/// Starts logging; `BATON_LOG` filters (`info` by default).
pub(crate) fn init(style: Style) {
    let filter = EnvFilter::try_from_env("BATON_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let colours = std::io::IsTerminal::is_terminal(&std::io::stderr()) && std::env::var_os("NO_COLOR").is_none();
    match style {
        Style::People => builder.with_target(false).with_ansi(colours).compact().init(),
        Style::Json => builder.json().flatten_event(true).init(),
    }
}
