//! Where log lines go: standard error, for people in `dev` and `run`, as JSON in `up` and `worker`.

use std::fmt::{self, Debug, Write as _};

use baton_coordinator::telemetry::request::{self, CurrentRequest};
use owo_colors::OwoColorize;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::{Format, Json, Writer};
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::screen;

/// Target of the lines that handlers write.
const HANDLERS: &str = "baton::function";

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// For people who follow a server.
    People,
    /// For people who follow one execution: what handlers write and what is wrong, above its tree.
    OneExecution,
    Json,
}

/// Starts logging; `BATON_LOG` filters.
pub(crate) fn init(style: Style) {
    let default = match style {
        // The broker's client calls everything an error that is tried again and told in our own lines.
        Style::People | Style::Json => "info,lapin=off",
        Style::OneExecution => "warn,baton::function=info",
    };
    let filter = EnvFilter::try_from_env("BATON_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    let builder = tracing_subscriber::fmt().with_env_filter(filter);
    let colours = std::io::IsTerminal::is_terminal(&std::io::stderr()) && std::env::var_os("NO_COLOR").is_none();
    match style {
        Style::People => {
            builder.with_writer(std::io::stderr).with_ansi(colours).event_format(ForPeople { others: others(), shows_when: true }).init();
        }
        Style::OneExecution => {
            builder.with_writer(|| screen::Above).with_ansi(colours).event_format(ForPeople { others: others(), shows_when: false }).init();
        }
        Style::Json => builder.with_writer(std::io::stderr).json().flatten_event(true).map_event_format(ForMachines).init(),
    }
}

fn others() -> Format<tracing_subscriber::fmt::format::Compact> {
    tracing_subscriber::fmt::format().with_target(false).compact()
}

/// One JSON object a line. Lines that are written while a request is answered say which, and what execution and trace it is about.
struct ForMachines(Format<Json>);

impl<S, N> FormatEvent<S, N> for ForMachines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let Some(CurrentRequest { request_id, execution, trace_id }) = request::current() else {
            return self.0.format_event(context, writer, event);
        };
        let mut line = String::new();
        self.0.format_event(context, Writer::new(&mut line), event)?;
        let line = line.trim_end();
        let Some(members) = line.strip_suffix('}') else { return writeln!(writer, "{line}") };
        writer.write_str(members)?;
        let more = [("request_id", Some(&*request_id)), ("execution", execution.as_deref()), ("trace_id", trace_id.as_deref())];
        for (name, value) in more {
            // What the line says of it is more exact.
            let is_said = event.metadata().fields().field(name).is_some();
            if let Some(value) = value.filter(|_| !is_said) {
                write!(writer, ",\"{name}\":{}", serde_json::Value::from(value))?;
            }
        }
        writeln!(writer, "}}")
    }
}

/// Lines of handlers begin with the function and, where there are many, the execution; all others look as usual.
struct ForPeople {
    others: Format<tracing_subscriber::fmt::format::Compact>,
    /// Whether lines of handlers say when they were written, and in which execution.
    shows_when: bool,
}

impl<S, N> FormatEvent<S, N> for ForPeople
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        if event.metadata().target() != HANDLERS {
            return self.others.format_event(context, writer, event);
        }
        let mut line = HandlerLine::default();
        event.record(&mut line);
        let mut head = line.function;
        if self.shows_when {
            tracing_subscriber::fmt::time::SystemTime.format_time(&mut writer)?;
            write!(head, " {}", line.execution)?;
        }
        let gap = if self.shows_when { "  " } else { "" };
        if writer.has_ansi_escapes() {
            writeln!(writer, "{gap}{} {}", format!("{head} |").cyan(), line.text)
        } else {
            writeln!(writer, "{gap}{head} | {}", line.text)
        }
    }
}

/// A line that a handler wrote, with the names of its function and execution.
#[derive(Default)]
struct HandlerLine {
    function: String,
    execution: String,
    text: String,
}

impl HandlerLine {
    fn member(&mut self, field: &Field) -> Option<&mut String> {
        match field.name() {
            "function" => Some(&mut self.function),
            "execution" => Some(&mut self.execution),
            "message" => Some(&mut self.text),
            _ => None,
        }
    }
}

impl Visit for HandlerLine {
    fn record_str(&mut self, field: &Field, value: &str) {
        if let Some(member) = self.member(field) {
            value.clone_into(member);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if let Some(member) = self.member(field) {
            *member = format!("{value:?}");
        }
    }
}
