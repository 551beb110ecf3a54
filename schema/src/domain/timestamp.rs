//! Times of events: UTC, whole microseconds (what `DATETIME(6)` holds), 1970 to 9999.

use chrono::{DateTime, Datelike, Utc};

use super::Violation;

/// `time` without what is finer than a microsecond; a leap second becomes the second after it, because MariaDB
/// has no `:60`.
pub fn to_microseconds(time: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(time.timestamp_micros()).unwrap_or(time)
}

/// Parses an RFC 3339 time of any offset into UTC microseconds.
///
/// # Errors
/// [`Violation::NotATime`] when it is not RFC 3339 or lies outside 1970 to 9999.
pub fn parse_timestamp(text: &str) -> Result<DateTime<Utc>, Violation> {
    DateTime::parse_from_rfc3339(text)
        .map(|time| to_microseconds(time.with_timezone(&Utc)))
        .ok()
        .filter(|time| (1970..=9999).contains(&time.year()))
        .ok_or_else(|| Violation::NotATime { found: text.chars().take(64).collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_become_utc_microseconds() {
        for (text, expected) in [
            ("2026-11-23T10:00:00Z", "2026-11-23T10:00:00+00:00"),
            ("2026-11-23T12:00:00.1234567+02:00", "2026-11-23T10:00:00.123456+00:00"),
            ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00+00:00"),
            ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00+00:00"),
        ] {
            assert_eq!(parse_timestamp(text).map(|time| time.to_rfc3339()), Ok(expected.to_owned()), "{text}");
        }
    }

    #[test]
    fn what_is_not_a_time_is_named() {
        for bad in [
            "",
            "yesterday",
            "2026-11-23",
            "2026-13-01T00:00:00Z",
            "1969-12-31T23:59:59Z",
            "0000-01-01T00:00:00Z",
            "9999-12-31T23:59:59-23:00",
        ] {
            assert_eq!(parse_timestamp(bad), Err(Violation::NotATime { found: bad.to_owned() }));
        }
    }
}
