//! Times of events: UTC, whole microseconds (what `DATETIME(6)` holds), 1970 to 9999.
//!
//! Which texts are times must never be left to a library: a replay must accept the same records for ever. The types are
//! chrono's, its parser is never used. Next: [`super::id`], the other grammar of this kind.

use chrono::{DateTime, Utc};

use super::Violation;
use super::shown::shown;

/// 9999-12-31T23:59:59.999999Z, in microseconds since 1970.
pub(super) const LAST_TIME: i64 = 253_402_300_799_999_999;
const MICROSECONDS: i64 = 1_000_000;

/// `time` without what is finer than a microsecond; a leap second becomes the second after it, because MariaDB
/// has no `:60`.
pub fn to_microseconds(time: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(time.timestamp_micros()).expect("a time cut to microseconds is a time")
}

/// Parses an RFC 3339 time of any offset into UTC microseconds.
///
/// The grammar is that of RFC 3339 as this ledger has always read it; a change is a new fold version:
/// `YYYY-MM-DD`, then `T`, `t` or one space, then `hh:mm:ss`, then optionally `.` and one or more digits, then `Z`, `z`,
/// or `+`, `-` or U+2212 (the minus sign of typesetters) with `hh:mm`. Nothing stands before or after it. The day exists
/// in its month; hours are 00 to 23, minutes 00 to 59, also in the offset, where `-00:00` is UTC. Seconds are 00 to 60: a
/// 60th is taken in any minute and is the second after it. Digits after the sixth are cut off.
///
/// # Errors
/// [`Violation::NotATime`] when it is no such text, or lies outside 1970 to 9999 in UTC.
pub fn parse_timestamp(text: &str) -> Result<DateTime<Utc>, Violation> {
    match microseconds_since_1970(text.as_bytes()) {
        Some(time @ 0..=LAST_TIME) => {
            Ok(DateTime::from_timestamp_micros(time).expect("a time of 1970 to 9999 is a time"))
        }
        _ => Err(Violation::NotATime { found: shown(text) }),
    }
}

fn microseconds_since_1970(text: &[u8]) -> Option<i64> {
    let (fixed, rest) = text.split_first_chunk::<19>()?;
    let [_, _, _, _, b'-', _, _, b'-', _, _, b'T' | b't' | b' ', _, _, b':', _, _, b':', _, _] = fixed else {
        return None;
    };
    let number = |at: usize| two_digits([fixed[at], fixed[at + 1]]);
    let (year, month, day) = (number(0)? * 100 + number(2)?, number(5)?, number(8)?);
    let (hour, minute, second) = (number(11)?, number(14)?, number(17)?);
    let exists = (1..=12).contains(&month) && (1..=days_in_month(year, month)).contains(&day);
    if !exists || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let (fraction, rest) = fraction(rest)?;
    let seconds = days_since_1970(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second;
    Some((seconds - offset_seconds(rest)?) * MICROSECONDS + fraction)
}

/// Two digits as a number.
fn two_digits(text: [u8; 2]) -> Option<i64> {
    let [tens, ones] = text.map(|digit| digit.wrapping_sub(b'0'));
    (tens <= 9 && ones <= 9).then(|| i64::from(tens) * 10 + i64::from(ones))
}

/// The microseconds of `.digits`, 0 where there is no point, and what stands after it.
fn fraction(text: &[u8]) -> Option<(i64, &[u8])> {
    let Some(digits) = text.strip_prefix(b".") else { return Some((0, text)) };
    let length = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if length == 0 {
        return None;
    }
    let (digits, rest) = digits.split_at(length);
    let six = digits.iter().copied().chain(std::iter::repeat(b'0')).take(6);
    Some((six.fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0')), rest))
}

/// The offset from UTC that is all of `text`.
fn offset_seconds(text: &[u8]) -> Option<i64> {
    let (sign, rest) = match text {
        b"Z" | b"z" => return Some(0),
        [b'+', rest @ ..] => (1, rest),
        [b'-', rest @ ..] | [0xE2, 0x88, 0x92, rest @ ..] => (-1, rest),
        _ => return None,
    };
    let [h1, h2, b':', m1, m2] = *rest else { return None };
    let (hours, minutes) = (two_digits([h1, h2])?, two_digits([m1, m2])?);
    (hours <= 23 && minutes <= 59).then_some(sign * (hours * 3_600 + minutes * 60))
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days of the Gregorian calendar, for years from 0. Counted from the March of year 0 on, so that a leap day is a year's
/// last day; 1970 begins 719,468 days after that.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days_before_month = (153 * month + 2) / 5;
    year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + days_before_month + day
        - 1
        - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The grammar as a table: a line for every rule, and what it gives.
    #[test]
    fn times_become_utc_microseconds() {
        for (text, expected) in [
            ("2026-11-23T10:00:00Z", "2026-11-23T10:00:00+00:00"),
            ("2026-11-23T12:00:00.1234567+02:00", "2026-11-23T10:00:00.123456+00:00"),
            ("2026-11-23t10:00:00z", "2026-11-23T10:00:00+00:00"),
            ("2026-11-23 10:00:00Z", "2026-11-23T10:00:00+00:00"),
            ("2026-11-23T10:00:00.5Z", "2026-11-23T10:00:00.500+00:00"),
            ("2026-11-23T10:00:00.000001Z", "2026-11-23T10:00:00.000001+00:00"),
            ("2026-11-23T10:00:00.9999999999999999999999Z", "2026-11-23T10:00:00.999999+00:00"),
            ("2026-11-23T10:00:00-00:00", "2026-11-23T10:00:00+00:00"),
            ("2026-11-23T10:00:00+23:59", "2026-11-22T10:01:00+00:00"),
            ("2026-11-23T10:00:00-23:59", "2026-11-24T09:59:00+00:00"),
            ("2026-11-23T10:00:00\u{2212}01:30", "2026-11-23T11:30:00+00:00"),
            ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00+00:00"),
            ("2016-12-31T23:59:60.25Z", "2017-01-01T00:00:00.250+00:00"),
            ("2026-11-23T10:20:60Z", "2026-11-23T10:21:00+00:00"),
            ("2024-02-29T00:00:00Z", "2024-02-29T00:00:00+00:00"),
            ("2000-02-29T00:00:00Z", "2000-02-29T00:00:00+00:00"),
            ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00+00:00"),
            ("1969-12-31T23:00:00-01:00", "1970-01-01T00:00:00+00:00"),
            ("1969-12-31T23:59:60Z", "1970-01-01T00:00:00+00:00"),
            ("9999-12-31T23:59:59.999999999Z", "9999-12-31T23:59:59.999999+00:00"),
        ] {
            assert_eq!(parse_timestamp(text).map(|time| time.to_rfc3339()), Ok(expected.to_owned()), "{text}");
        }
    }

    #[test]
    fn what_is_not_a_time_is_named() {
        for bad in [
            "",
            "yesterday",
            "1764000000000",
            "2026-11-23",
            "2026-11-23T10:00Z",
            "2026-11-23T10:00:00",
            "2026-11-23T10:00:00.Z",
            "2026-11-23T10:00:00,5Z",
            "2026-11-23T10:00:00 Z",
            "2026-11-23  10:00:00Z",
            "2026-11-23T10:00:00Z ",
            " 2026-11-23T10:00:00Z",
            "2026-11-23T10:00:00+0100",
            "2026-11-23T10:00:00+01",
            "2026-11-23T10:00:00+24:00",
            "2026-11-23T10:00:00+01:60",
            "2026-11-23T10:00:00 UTC",
            "2026-11-23T10:00:00Z[UTC]",
            "2026-1-23T10:00:00Z",
            "+2026-11-23T10:00:00Z",
            "2026-11-23T24:00:00Z",
            "2026-11-23T10:60:00Z",
            "2026-11-23T10:00:61Z",
            "2026-13-01T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-11-00T00:00:00Z",
            "2026-11-31T00:00:00Z",
            "2026-02-29T00:00:00Z",
            "2100-02-29T00:00:00Z",
            "1969-12-31T23:59:59Z",
            "1970-01-01T00:00:00+00:01",
            "0000-01-01T00:00:00Z",
            "9999-12-31T23:59:59-23:00",
            "9999-12-31T23:59:60Z",
            "２026-11-23T10:00:00Z",
        ] {
            assert_eq!(parse_timestamp(bad), Err(Violation::NotATime { found: bad.to_owned() }));
        }
    }

    /// Every day of 1969 to 9999, counted one by one.
    #[test]
    fn days_are_counted_without_a_gap() {
        let mut expected = -365;
        for year in 1969..=9999 {
            for month in 1..=12 {
                for day in 1..=days_in_month(year, month) {
                    assert_eq!(days_since_1970(year, month, day), expected, "{year}-{month}-{day}");
                    expected += 1;
                }
            }
        }
        assert_eq!(expected * 86_400 * MICROSECONDS, LAST_TIME + 1);
    }

    #[test]
    fn a_time_is_cut_to_microseconds() {
        let time = DateTime::from_timestamp_nanos(1_500);
        assert_eq!(to_microseconds(time).timestamp_nanos_opt(), Some(1_000));
    }
}
