//! A row as JSON. What JSON has no word for becomes text: dates and times in ISO 8601, bytes that are no text in Base64.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use jiff::civil::Date;
use parquet::record::{Field, Row};

use crate::format::write_string;

/// Compact JSON, the columns in the order of the schema.
pub(super) fn text(row: &Row) -> Box<str> {
    let mut out = Vec::new();
    write_row(row, &mut out);
    String::from_utf8(out).expect("made of texts").into_boxed_str()
}

fn write_row(row: &Row, out: &mut Vec<u8>) {
    out.push(b'{');
    for (index, (name, field)) in row.get_column_iter().enumerate() {
        separate(index, out);
        write_string(name.as_bytes(), out);
        out.push(b':');
        write(field, out);
    }
    out.push(b'}');
}

fn separate(index: usize, out: &mut Vec<u8>) {
    if index > 0 {
        out.push(b',');
    }
}

fn write(field: &Field, out: &mut Vec<u8>) {
    match field {
        Field::Null => out.extend_from_slice(b"null"),
        Field::Bool(value) => plain(value, out),
        Field::Byte(value) => plain(value, out),
        Field::Short(value) => plain(value, out),
        Field::Int(value) => plain(value, out),
        Field::Long(value) => plain(value, out),
        Field::UByte(value) => plain(value, out),
        Field::UShort(value) => plain(value, out),
        Field::UInt(value) => plain(value, out),
        Field::ULong(value) => plain(value, out),
        Field::Float16(value) => float(&value.to_f32(), out),
        Field::Float(value) => float(value, out),
        Field::Double(value) => float(value, out),
        // A number with all its digits, as it is written.
        Field::Decimal(_) => plain(&field.to_string().trim_end_matches('.'), out),
        Field::Str(value) => write_string(value.as_bytes(), out),
        Field::Bytes(value) => bytes(value.data(), out),
        Field::Date(days) => write_string(date(*days).as_bytes(), out),
        Field::TimeMillis(ms) => write_string(time(i64::from(*ms), 1_000, 3).as_bytes(), out),
        Field::TimeMicros(us) => write_string(time(*us, 1_000_000, 6).as_bytes(), out),
        Field::TimestampMillis(ms) => timestamp(Timestamp::from_millisecond(*ms), *ms, out),
        Field::TimestampMicros(us) => timestamp(Timestamp::from_microsecond(*us), *us, out),
        Field::Group(row) => write_row(row, out),
        Field::ListInternal(list) => write_list(list.elements(), out),
        Field::MapInternal(map) => write_map(map.entries(), out),
    }
}

fn plain(value: &dyn std::fmt::Display, out: &mut Vec<u8>) {
    out.extend_from_slice(value.to_string().as_bytes());
}

/// As short as it can be read back; what JSON has no number for is `null`.
fn float(value: &impl serde::Serialize, out: &mut Vec<u8>) {
    serde_json::to_writer(out, value).expect("a number into memory");
}

/// Without an annotation, strings and bytes look alike.
fn bytes(value: &[u8], out: &mut Vec<u8>) {
    match std::str::from_utf8(value) {
        Ok(text) => write_string(text.as_bytes(), out),
        Err(_) => write_string(STANDARD.encode(value).as_bytes(), out),
    }
}

fn date(days: i32) -> String {
    let epoch = Date::constant(1970, 1, 1);
    let date = epoch.checked_add(jiff::Span::new().try_days(days).unwrap_or_default());
    date.map_or_else(|_| days.to_string(), |date| date.to_string())
}

fn time(units: i64, per_second: i64, digits: usize) -> String {
    let (seconds, fraction) = (units.div_euclid(per_second), units.rem_euclid(per_second));
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match fraction {
        0 => format!("{hours:02}:{minutes:02}:{seconds:02}"),
        _ => format!("{hours:02}:{minutes:02}:{seconds:02}.{fraction:0digits$}"),
    }
}

fn timestamp(time: Result<Timestamp, jiff::Error>, raw: i64, out: &mut Vec<u8>) {
    match time {
        Ok(time) => write_string(time.to_string().as_bytes(), out),
        Err(_) => plain(&raw, out),
    }
}

fn write_list(elements: &[Field], out: &mut Vec<u8>) {
    out.push(b'[');
    for (index, element) in elements.iter().enumerate() {
        separate(index, out);
        write(element, out);
    }
    out.push(b']');
}

/// An object, whose names are the keys as text.
fn write_map(entries: &[(Field, Field)], out: &mut Vec<u8>) {
    out.push(b'{');
    for (index, (key, value)) in entries.iter().enumerate() {
        separate(index, out);
        write_key(key, out);
        out.push(b':');
        write(value, out);
    }
    out.push(b'}');
}

fn write_key(key: &Field, out: &mut Vec<u8>) {
    let mut text = Vec::new();
    write(key, &mut text);
    if text.starts_with(b"\"") { out.extend_from_slice(&text) } else { write_string(&text, out) }
}
