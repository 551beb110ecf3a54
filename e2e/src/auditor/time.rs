//! Times of events as microseconds since 1970, read by counting days one month at a time.
//!
//! It must never take what is no time for one. It reads what the ledger's own services and the tests write (RFC 3339 with `T`, and `Z` or an
//! offset in hours and minutes), and nothing else.

const DAY_SECONDS: i64 = 86_400;

/// `None`: not a time that is read here.
pub(super) fn micros(text: &str) -> Option<i64> {
    let (day, clock) = text.split_once('T')?;
    let (clock, offset_minutes) = match clock.strip_suffix('Z') {
        Some(clock) => (clock, 0),
        None => {
            let at = clock.rfind(['+', '-'])?;
            let [hours, minutes] = numbers(&clock[at + 1..], ':')?;
            let sign = if clock[at..].starts_with('-') { -1 } else { 1 };
            (&clock[..at], sign * (hours * 60 + minutes))
        }
    };
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let ([year, month, date], [hour, minute, second]) = (numbers(day, '-')?, numbers(clock, ':')?);
    let is_time = (1970..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=days_of(year, month)).contains(&date)
        && (0..24).contains(&hour)
        && (0..60).contains(&minute)
        && (0..60).contains(&second)
        && !fraction.is_empty()
        && fraction.bytes().all(|byte| byte.is_ascii_digit());
    if !is_time {
        return None;
    }
    let years: i64 = (1970..year).map(|year| if is_leap(year) { 366 } else { 365 }).sum();
    let months: i64 = (1..month).map(|month| days_of(year, month)).sum();
    let seconds = (years + months + date - 1) * DAY_SECONDS + hour * 3_600 + (minute - offset_minutes) * 60 + second;
    let six: String = fraction.chars().chain("000000".chars()).take(6).collect();
    Some(seconds * 1_000_000 + six.parse::<i64>().ok()?)
}

fn numbers<const N: usize>(text: &str, separator: char) -> Option<[i64; N]> {
    let all: Option<Vec<i64>> = text.split(separator).map(|number| number.parse().ok()).collect();
    all?.try_into().ok()
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_of(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_and_others_are_none() {
        let noon = 1_795_428_000_000_000;
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2024-03-01T00:00:00Z", Some(1_709_251_200_000_000)),
            ("2026-11-23T10:00:00Z", Some(noon)),
            ("2026-11-23T12:00:00.1234567+02:00", Some(noon + 123_456)),
            ("2026-11-23T09:30:00.5-00:30", Some(noon + 500_000)),
            ("2026-11-31T10:00:00Z", None),
            ("2026-11-23T10:00Z", None),
            ("2026-11-23", None),
            ("2026-11-23T10:00:00.Z", None),
            ("", None),
        ] {
            assert_eq!(micros(text), expected, "{text}");
        }
    }
}
