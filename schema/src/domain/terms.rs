//! What an order may say beside its lines: its currency, and for how long its goods are held until somebody confirms.
//! Both are part of what a retry must repeat.
//!
//! It must never let a list that people revise decide what the log means: which currencies exist is asked of new orders
//! alone. Next: [`super::order`].

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};

use super::amount::in_range;
use super::shown::shown;
use super::timestamp::LAST_TIME;
use super::{Violation, currencies};

/// Longest hold, in seconds: a day.
pub const MAX_HOLD_SECONDS: i64 = 86_400;

/// A currency by its code of ISO 4217: three capital letters. Amounts are integers in its minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Currency([u8; 3]);

impl Currency {
    /// Any three capitals: the log must mean the same for ever, and the standard's list changes.
    ///
    /// # Errors
    /// [`Violation::NotACurrency`].
    pub fn parse(text: &str) -> Result<Self, Violation> {
        match text.as_bytes() {
            [a @ b'A'..=b'Z', b @ b'A'..=b'Z', c @ b'A'..=b'Z'] => Ok(Self([*a, *b, *c])),
            _ => Err(Violation::NotACurrency { found: shown(text) }),
        }
    }

    /// For orders that are new to the ledger: whether ISO 4217 lists the code. Not a rule of [`Self::parse`], because the fold
    /// decides by that.
    ///
    /// # Errors
    /// [`Violation::UnknownCurrency`].
    pub fn check_listed(self) -> Result<(), Violation> {
        let listed = currencies::LISTED.binary_search(&self.as_str()).is_ok();
        if listed { Ok(()) } else { Err(Violation::UnknownCurrency { found: self.as_str().to_owned() }) }
    }

    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("three capitals are ASCII")
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// For how long an order is held, counted from when it was placed: 1 to 86,400 seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HoldSeconds(i64);

impl HoldSeconds {
    /// # Errors
    /// [`Violation::OutOfRange`] below 1 or above 86,400.
    pub fn new(seconds: i64) -> Result<Self, Violation> {
        in_range(seconds, 1, MAX_HOLD_SECONDS).map(Self)
    }

    pub fn get(self) -> i64 {
        self.0
    }

    /// When a hold that began at `placed_at` ends.
    ///
    /// # Errors
    /// [`Violation::HoldTooLate`] after the year 9999.
    pub fn ends(self, placed_at: DateTime<Utc>) -> Result<DateTime<Utc>, Violation> {
        let ends = placed_at.checked_add_signed(TimeDelta::seconds(self.0));
        ends.filter(|at| at.timestamp_micros() <= LAST_TIME).ok_or(Violation::HoldTooLate)
    }
}

/// Currency and hold of an order, each where it has one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Terms {
    pub currency: Option<Currency>,
    pub hold: Option<HoldSeconds>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::parse_timestamp;

    #[test]
    fn a_currency_is_three_capitals() {
        for good in ["EUR", "JPY", "XTS", "ZZZ"] {
            assert_eq!(Currency::parse(good).map(|currency| currency.to_string()), Ok(good.to_owned()));
        }
        for bad in ["", "eur", "EU", "EURO", "E R", "É€", "E1R"] {
            assert_eq!(Currency::parse(bad), Err(Violation::NotACurrency { found: bad.to_owned() }));
        }
    }

    #[test]
    fn a_new_order_has_a_listed_one() {
        assert!(currencies::LISTED.is_sorted(), "it is searched");
        for (code, listed) in [("EUR", true), ("JPY", true), ("BHD", true), ("ZZZ", false), ("DEM", false)] {
            assert_eq!(Currency::parse(code).expect("capitals").check_listed().is_ok(), listed, "{code}");
        }
    }

    #[test]
    fn a_hold_ends_within_a_day_and_before_the_end_of_time() {
        for (seconds, good) in [(-1, false), (0, false), (1, true), (MAX_HOLD_SECONDS, true), (86_401, false)] {
            assert_eq!(HoldSeconds::new(seconds).is_ok(), good, "{seconds}");
        }
        let day = HoldSeconds::new(MAX_HOLD_SECONDS).expect("valid");
        let at = |text: &str| parse_timestamp(text).expect("a time");
        assert_eq!(day.ends(at("2026-11-23T10:00:00.5Z")), Ok(at("2026-11-24T10:00:00.5Z")));
        assert_eq!(day.ends(at("9999-12-31T00:00:00Z")), Err(Violation::HoldTooLate));
    }
}
