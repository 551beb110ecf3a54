//! `--expires`: how long a key works, or until when.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, TimeDelta, Utc};
use thiserror::Error;

/// A duration from now, or a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lifetime {
    For(TimeDelta),
    Until(DateTime<Utc>),
}

/// A text that is neither.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("must be a number with m, h or d (90m, 12h, 30d; at most 3650d), or a time (2027-01-31T00:00:00Z)")]
pub struct InvalidLifetime;

/// Ten years.
const MOST_MINUTES: i64 = 3650 * 24 * 60;

impl FromStr for Lifetime {
    type Err = InvalidLifetime;

    fn from_str(text: &str) -> Result<Self, InvalidLifetime> {
        if let Ok(time) = DateTime::parse_from_rfc3339(text) {
            return Ok(Self::Until(time.to_utc()));
        }
        let unit = text.chars().next_back().ok_or(InvalidLifetime)?;
        let number = &text[..text.len() - unit.len_utf8()];
        let minutes = match unit {
            'm' => 1,
            'h' => 60,
            'd' => 24 * 60,
            _ => return Err(InvalidLifetime),
        };
        let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        let count: i64 =
            if is_number { number.parse().map_err(|_| InvalidLifetime)? } else { return Err(InvalidLifetime) };
        let minutes = count.checked_mul(minutes).filter(|minutes| (1..=MOST_MINUTES).contains(minutes));
        minutes.map(|minutes| Self::For(TimeDelta::minutes(minutes))).ok_or(InvalidLifetime)
    }
}

impl Lifetime {
    /// When it ends, from `now` on; `None`: it is over already.
    #[must_use]
    pub fn end(self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let end = match self {
            Self::For(duration) => now.checked_add_signed(duration)?,
            Self::Until(end) => end,
        };
        (end > now).then_some(end)
    }
}

impl fmt::Display for Lifetime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::For(duration) => write!(f, "{}m", duration.num_minutes()),
            Self::Until(end) => f.write_str(&end.to_rfc3339()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_times() {
        let now: DateTime<Utc> = "2026-11-28T12:00:00Z".parse().expect("a time");
        for (text, end) in [
            ("90m", Some("2026-11-28T13:30:00Z")),
            ("12h", Some("2026-11-29T00:00:00Z")),
            ("30d", Some("2026-12-28T12:00:00Z")),
            ("2027-01-31T01:00:00+01:00", Some("2027-01-31T00:00:00Z")),
            ("2026-11-28T12:00:00Z", None),
            ("2020-01-01T00:00:00Z", None),
        ] {
            let lifetime: Lifetime = text.parse().expect(text);
            assert_eq!(lifetime.end(now), end.map(|end| end.parse().expect("a time")), "{text}");
        }
        for bad in ["", "d", "30", "-1d", "+1d", "0d", "1w", "1.5d", "3651d", "99999999999999999999d", "tomorrow", "1é"]
        {
            assert_eq!(bad.parse::<Lifetime>(), Err(InvalidLifetime), "{bad}");
        }
    }
}
