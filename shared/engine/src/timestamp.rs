//! Timestamps as the States Language writes them: ISO 8601, printed as Java's `Instant` does and read as Java's
//! `OffsetDateTime` does, with the capital `T` and `Z` that the language asks for.

use crate::Timestamp;

const NANOSECONDS: i128 = 1_000_000_000;
const SECONDS_A_DAY: i64 = 86_400;

/// UTC text with no fraction, or with milliseconds when there are any.
pub(crate) fn format(at: Timestamp) -> String {
    let seconds = at.div_euclid(1_000);
    let (year, month, day) = date_of(seconds.div_euclid(SECONDS_A_DAY));
    let of_day = seconds.rem_euclid(SECONDS_A_DAY);
    let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
    match at.rem_euclid(1_000) {
        0 => format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"),
        ms => format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z"),
    }
}

/// Nanoseconds since 1970 of an extended offset date-time: `YYYY-MM-DDThh:mm[:ss[.f…]](Z|±hh:mm)`; up to nine digits of
/// fraction. `None` for any other text.
pub(crate) fn parse(text: &str) -> Option<i128> {
    let mut rest = Reader(text.as_bytes());
    let year = rest.number(4)?;
    let month = rest.after(b'-')?.number(2)?;
    let day = rest.after(b'-')?.number(2)?;
    let hour = rest.after(b'T')?.number(2)?;
    let minute = rest.after(b':')?.number(2)?;
    let second = if rest.take(b':') { rest.number(2)? } else { 0 };
    let fraction = if rest.take(b'.') { rest.fraction()? } else { 0 };
    let offset_minutes = rest.offset()?;
    let valid = rest.0.is_empty() && hour < 24 && minute < 60 && second < 60 && is_date(year, month, day);
    let of_day = hour * 3_600 + (minute - offset_minutes) * 60 + second;
    valid.then(|| i128::from(days_until(year, month, day) * SECONDS_A_DAY + of_day) * NANOSECONDS + i128::from(fraction))
}

/// The first whole millisecond at or after `nanoseconds`.
pub(crate) fn milliseconds(nanoseconds: i128) -> Timestamp {
    let whole = nanoseconds.div_euclid(1_000_000) + i128::from(nanoseconds.rem_euclid(1_000_000) != 0);
    i64::try_from(whole).expect("years of four digits fit")
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take(&mut self, byte: u8) -> bool {
        let taken = self.0.first() == Some(&byte);
        if taken {
            self.0 = &self.0[1..];
        }
        taken
    }

    fn after(&mut self, byte: u8) -> Option<&mut Self> {
        self.take(byte).then_some(self)
    }

    fn digits(&mut self, at_most: usize) -> &[u8] {
        let count = self.0.iter().take(at_most).take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, rest) = self.0.split_at(count);
        self.0 = rest;
        digits
    }

    fn number(&mut self, length: usize) -> Option<i64> {
        let digits = self.digits(length);
        (digits.len() == length).then(|| digits.iter().fold(0, |number, digit| number * 10 + i64::from(digit - b'0')))
    }

    /// Nanoseconds.
    fn fraction(&mut self) -> Option<i64> {
        let digits = self.digits(9);
        let number = digits.iter().fold(0, |number, digit| number * 10 + i64::from(digit - b'0'));
        (!digits.is_empty()).then(|| number * 10_i64.pow(9 - digits.len() as u32))
    }

    /// Minutes east of UTC.
    fn offset(&mut self) -> Option<i64> {
        if self.take(b'Z') {
            return Some(0);
        }
        let sign = if self.take(b'+') { 1 } else { self.take(b'-').then_some(-1)? };
        let hours = self.number(2)?;
        let minutes = self.after(b':')?.number(2)?;
        (hours <= 18 && minutes < 60).then_some(sign * (hours * 60 + minutes))
    }
}

fn is_date(year: i64, month: i64, day: i64) -> bool {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let last = match month {
        4 | 6 | 9 | 11 => 30,
        2 if is_leap => 29,
        2 => 28,
        _ => 31,
    };
    (1..=12).contains(&month) && (1..=last).contains(&day)
}

/// Days from 1970-01-01 to the date, in years that begin in March so that the leap day is the last.
fn days_until(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Year, month and day of a day counted from 1970-01-01: the inverse of [`days_until`].
fn date_of(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, of_year - (153 * from_march + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_as_java_does() {
        assert_eq!(format(0), "1970-01-01T00:00:00Z");
        assert_eq!(format(1_709_164_800_000), "2024-02-29T00:00:00Z");
        assert_eq!(format(1_735_689_599_050), "2024-12-31T23:59:59.050Z");
        assert_eq!(format(-1), "1969-12-31T23:59:59.999Z");
    }

    #[test]
    fn reads_what_it_prints() {
        for at in [0, 999, 951_782_400_123, 4_102_444_800_000, 253_402_300_799_999, -62_135_596_800_000] {
            assert_eq!(parse(&format(at)), Some(i128::from(at) * 1_000_000), "{at}");
        }
    }

    #[test]
    fn reads_offsets_fractions_and_missing_seconds() {
        let noon = 1_331_467_200 * NANOSECONDS;
        assert_eq!(parse("2012-03-11T12:00:00Z"), Some(noon));
        assert_eq!(parse("2012-03-11T12:00Z"), Some(noon));
        assert_eq!(parse("2012-03-11T13:30:00+01:30"), Some(noon));
        assert_eq!(parse("2012-03-11T04:00:00-08:00"), Some(noon));
        assert_eq!(parse("2012-03-11T12:00:00.000000001Z"), Some(noon + 1));
        assert_eq!(parse("2012-03-11T12:00:00.5Z"), Some(noon + NANOSECONDS / 2));
        assert_eq!(milliseconds(noon + 1), 1_331_467_200_001);
    }

    #[test]
    fn refuses_everything_else() {
        let texts = [
            "",
            "2012",
            "2016-13-05T21:29:29Z",
            "05-12-2016T21:29:29Z",
            "2016-12-05T25:29:29Z",
            "2016-12-05 21:29:29Z",
            "2016-12-05T21:29:29",
            "2016-12-05t21:29:29z",
            "2015-02-29T00:00:00Z",
            "2016-12-05T21:29:29.Z",
            "2016-12-05T21:29:29.1234567890Z",
            "2016-12-05T21:29:29Z ",
            "2016-12-05T21:29:29+0100",
            "2016-12-05T21:60:00Z",
        ];
        for text in texts {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
