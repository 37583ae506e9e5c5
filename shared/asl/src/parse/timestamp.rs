//! Timestamps as the language wants them: RFC 3339 with an upper-case `T`, and an upper-case `Z` or an offset.

use jiff::Timestamp;

use super::cursor::Cursor;
use super::{Parsed, Parser};
use crate::message;

impl Parser<'_> {
    pub(crate) fn timestamp(&mut self, cursor: &Cursor<'_>) -> Parsed<Timestamp> {
        let timestamp = self.text(cursor).map(rfc3339)?;
        timestamp.ok_or_else(|| self.error(cursor, message::NOT_RFC3339))
    }
}

/// Reads `2016-03-14T01:59:00Z`, `2016-03-14T01:59:00.123456789+01:00`.
fn rfc3339(text: &str) -> Option<Timestamp> {
    let shape = b"dddd-dd-ddTdd:dd:dd";
    let (date_time, rest) = text.as_bytes().split_at_checked(shape.len())?;
    let fits = date_time.iter().zip(shape).all(|(byte, wanted)| match wanted {
        b'd' => byte.is_ascii_digit(),
        _ => byte == wanted,
    });
    let is_leap_second = date_time.ends_with(b"60");
    if !fits || is_leap_second || !is_offset(without_fraction(rest)?) {
        return None;
    }
    text.parse().ok()
}

/// What follows `.` and 1 to 9 digits, if there are any.
fn without_fraction(text: &[u8]) -> Option<&[u8]> {
    let Some(fraction) = text.strip_prefix(b".") else { return Some(text) };
    let digits = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
    (1..=9).contains(&digits).then(|| &fraction[digits..])
}

fn is_offset(text: &[u8]) -> bool {
    match text {
        b"Z" => true,
        [b'+' | b'-', h1, h2, b':', m1, m2] => {
            let are_digits = [h1, h2, m1, m2].iter().all(|byte| byte.is_ascii_digit());
            are_digits && [*h1, *h2] < [b'2', b'4'] && *m1 < b'6'
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_what_the_language_takes() {
        for (text, nanoseconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("1970-01-01T00:00:01.5Z", 1_500_000_000),
            ("1970-01-01T01:00:00.000000001+01:00", 1),
            ("1969-12-31T23:59:59-00:00", -1_000_000_000),
            ("2024-02-29T12:00:00Z", 1_709_208_000_000_000_000),
        ] {
            assert_eq!(rfc3339(text).map(Timestamp::as_nanosecond), Some(nanoseconds), "{text}");
        }
    }

    #[test]
    fn refuses_everything_else() {
        for text in [
            "",
            "2016-13-05T21:29:29Z",
            "05-12-2016T21:29:29Z",
            "2016-12-05T25:29:29Z",
            "2016-12-05 21:29:29Z",
            "2016-12-05T21:29:29",
            "2016-12-05t21:29:29Z",
            "2016-12-05T21:29:29z",
            "2016-12-05T21:29:60Z",
            "2016-12-05T21:29Z",
            "2016-12-05T21:29:29.Z",
            "2016-12-05T21:29:29.1234567890Z",
            "2016-12-05T21:29:29+0100",
            "2016-12-05T21:29:29+24:00",
            "2016-12-05T21:29:29+01:60",
            "2016-12-05T21:29:29\u{ff3a}",
            "2023-02-29T12:00:00Z",
            "{% '2016-03-14T01:59:00Z' %}",
            "2016-12-05T21:29:29Z[UTC]",
        ] {
            assert_eq!(rfc3339(text), None, "{text}");
        }
    }
}
