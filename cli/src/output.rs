//! Data goes to standard output, everything else to standard error.

use comfy_table::{ContentArrangement, Row, Table, presets};
use owo_colors::OwoColorize;
use serde_json::Value;

/// Prints one line. A reader that has gone away (`| head`) ends the command quietly.
pub(crate) fn line(text: &str) {
    let mut out = anstream::stdout().lock();
    if std::io::Write::write_all(&mut out, format!("{text}\n").as_bytes()).is_err() {
        std::process::exit(0);
    }
}

/// Prints a remark on standard error. One that nobody reads is not worth an end.
pub(crate) fn note(text: &str) {
    let _ = std::io::Write::write_all(&mut anstream::stderr().lock(), format!("{text}\n").as_bytes());
}

/// Prints one JSON document.
pub(crate) fn json(value: &Value) {
    line(&serde_json::to_string_pretty(value).expect("a JSON value has a text"));
}

/// Prints rows under headings.
pub(crate) fn table(headings: &[&str], rows: Vec<Vec<String>>) {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic).set_header(headings);
    for row in rows {
        // One line each: what does not fit the terminal is cut.
        let mut row = Row::from(row.iter().map(|cell| one_line(cell)).collect::<Vec<_>>());
        row.max_height(1);
        table.add_row(row);
    }
    let text = table.to_string();
    text.lines().for_each(|row| line(row.trim_end()));
}

/// A text without line ends and runs of space.
pub(crate) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Prints names and values under each other.
pub(crate) fn fields(fields: &[(&str, String)]) {
    let width = fields.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    for (name, value) in fields.iter().filter(|(_, value)| !value.is_empty()) {
        line(&format!("{:width$}  {value}", name.dimmed()));
    }
}

/// A status in its colour.
pub(crate) fn status(status: &str) -> String {
    match status {
        "SUCCEEDED" => status.green().to_string(),
        "FAILED" | "TIMED_OUT" | "ABORTED" => status.red().to_string(),
        _ => status.yellow().to_string(),
    }
}

/// An API timestamp (epoch seconds) for people.
pub(crate) fn time(value: &Value) -> String {
    let Some(seconds) = value.as_f64() else { return String::new() };
    let at = jiff::Timestamp::from_millisecond((seconds * 1000.0) as i64);
    at.map(|at| format!("{at:.3}")).unwrap_or_default()
}

/// A length of time for people.
pub(crate) fn duration(milliseconds: i64) -> String {
    match milliseconds {
        ..1_000 => format!("{milliseconds} ms"),
        1_000..60_000 => format!("{:.1} s", milliseconds as f64 / 1000.0),
        60_000..3_600_000 => format!("{} min {} s", milliseconds / 60_000, milliseconds / 1000 % 60),
        _ => format!("{} h {} min", milliseconds / 3_600_000, milliseconds / 60_000 % 60),
    }
}
