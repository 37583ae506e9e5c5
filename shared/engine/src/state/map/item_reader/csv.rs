//! Delimited text, as AWS reads it: quotes are optional, `""` is a quote inside of quotes, `\` escapes a quote, the delimiter and itself
//! and goes away before anything else. A short row is filled up with empty texts, a long one is cut.

use std::collections::BTreeSet;

use baton_asl::ReaderConfig;
use baton_query::Value;
use serde_json::Map;

/// The rows as objects of texts.
pub(super) fn records(config: &ReaderConfig, source: &str) -> Result<Vec<Value>, String> {
    let mut rows = rows(source, delimiter(config)).into_iter();
    let headers: Vec<String> = match config.csv_header_location.as_deref() {
        Some("GIVEN") => config.csv_headers.iter().map(|header| header.to_string()).collect(),
        Some(_) | None => rows.next().unwrap_or_default(),
    };
    if headers.iter().collect::<BTreeSet<_>>().len() < headers.len() {
        return Err("CSV headers cannot contain duplicates.".to_owned());
    }
    Ok(rows.map(|row| record(&headers, row)).collect())
}

fn record(headers: &[String], row: Vec<String>) -> Value {
    let cells = row.into_iter().chain(std::iter::repeat(String::new()));
    let members: Map<String, Value> = headers.iter().cloned().zip(cells.map(Value::String)).collect();
    Value::Object(members)
}

fn delimiter(config: &ReaderConfig) -> char {
    match config.csv_delimiter.as_deref() {
        Some("PIPE") => '|',
        Some("SEMICOLON") => ';',
        Some("SPACE") => ' ',
        Some("TAB") => '\t',
        Some(_) | None => ',',
    }
}

/// Cells of all rows; empty lines are no rows.
fn rows(source: &str, delimiter: char) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    let (mut row, mut cell, mut is_quoted) = (Vec::new(), String::new(), false);
    let mut rest = source.chars().peekable();
    while let Some(next) = rest.next() {
        match next {
            '\\' => cell.extend(rest.next()),
            '"' if is_quoted && rest.next_if_eq(&'"').is_some() => cell.push('"'),
            '"' => is_quoted = !is_quoted,
            '\r' if !is_quoted && rest.peek() == Some(&'\n') => {}
            '\n' if !is_quoted => {
                if !(row.is_empty() && cell.is_empty()) {
                    row.push(std::mem::take(&mut cell));
                    rows.push(std::mem::take(&mut row));
                }
            }
            _ if next == delimiter && !is_quoted => row.push(std::mem::take(&mut cell)),
            _ => cell.push(next),
        }
    }
    if !(row.is_empty() && cell.is_empty()) {
        row.push(cell);
        rows.push(row);
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(config: ReaderConfig, source: &str) -> Result<Value, String> {
        records(&config, source).map(Value::Array)
    }

    #[test]
    fn the_first_row_names_the_columns() {
        let source = "id,name\r\n1,\"a, \"\"b\"\"\"\n\n2\n3,c,d\n4,x\\,y";
        let expected =
            json!([{"id": "1", "name": "a, \"b\""}, {"id": "2", "name": ""}, {"id": "3", "name": "c"}, {"id": "4", "name": "x,y"}]);
        assert_eq!(read(ReaderConfig::default(), source), Ok(expected));
    }

    #[test]
    fn names_may_be_given_and_must_differ() {
        let config = |headers: &[&str]| ReaderConfig {
            csv_header_location: Some("GIVEN".into()),
            csv_headers: headers.iter().map(|header| (*header).into()).collect(),
            csv_delimiter: Some("PIPE".into()),
            ..ReaderConfig::default()
        };
        assert_eq!(read(config(&["a", "b"]), "1|2\n"), Ok(json!([{"a": "1", "b": "2"}])));
        assert_eq!(read(config(&["a", "a"]), "1|2"), Err("CSV headers cannot contain duplicates.".to_owned()));
    }
}
