//! When an old order was placed: as its row says, else when Kafka got the record. It must never guess a time zone, nor the unit
//! of a number. Next: [`super::legacy_record`].

use chrono::{DateTime, Utc};
use ledger_schema::domain::parse_timestamp;

use super::connect_schema::{EpochUnit, Type};
use super::found::Found;
use super::number::Unfit;
use super::refusal::{Refusal, excerpt};

/// 9999-12-31T23:59:59.999999Z, the last microsecond that the log and MariaDB can hold.
const LAST_US: i64 = 253_402_300_799_999_999;

/// The time that a row states: a text of RFC 3339 with its offset, or a number whose unit is declared or said (`epoch`).
pub(super) fn of_row(found: Found<'_>, epoch: Option<EpochUnit>) -> Result<DateTime<Utc>, Refusal> {
    let refuse = |why: String| Refusal::new(found.name.to_owned(), why);
    const REMEDY: &str = "`--map placed_at=@timestamp` takes the record's own time";
    if found.raw.get().starts_with('"') && !matches!(found.declared, Some(Type::Decimal { .. })) {
        return parse_timestamp(&found.text()?).map_err(|violation| refuse(format!("{violation}: {REMEDY}")));
    }
    let unit = match found.declared {
        Some(Type::Epoch(unit)) => Some(*unit),
        Some(Type::Other(kind)) if kind.contains('.') => {
            return Err(refuse(format!("has the type {}, which is no moment: {REMEDY}", excerpt(kind))));
        }
        _ => epoch,
    };
    let (Some(number), Some(unit)) = (found.exact(), unit) else {
        let says = format!(
            "must be an RFC 3339 time, or a number whose unit is said (`--epoch s|ms|us|ns`), found `{}`",
            excerpt(found.raw.get())
        );
        return Err(refuse(format!("{says}; {REMEDY}")));
    };
    let microseconds = match unit {
        EpochUnit::Seconds => number.times_ten_to(6),
        EpochUnit::Milliseconds => number.times_ten_to(3),
        EpochUnit::Microseconds => number.times_ten_to(0),
        // What is finer than a microsecond no column of the ledger holds, whichever way the time came.
        EpochUnit::Nanoseconds => number.times_ten_to(0).map(|nanoseconds| nanoseconds.div_euclid(1000)),
    };
    microseconds
        .map_err(|unfit| match unfit {
            Unfit::Fraction => "must be whole microseconds",
            Unfit::TooLarge => "must be a time from 1970 to 9999",
        })
        .and_then(|us| moment(us).ok_or("must be a time from 1970 to 9999"))
        .map_err(|why| refuse(format!("{why}, found `{}`", excerpt(found.raw.get()))))
}

/// The record's own time, whoever set it (producer or broker), in milliseconds since 1970; the epoch where the record has none at
/// all (message format 0, or an old broker).
pub(super) fn of_record(timestamp_ms: Option<i64>) -> Result<DateTime<Utc>, Refusal> {
    let ms = timestamp_ms.unwrap_or(0);
    ms.checked_mul(1000).and_then(moment).ok_or_else(|| {
        Refusal::new("timestamp", format!("must be milliseconds of a time from 1970 to 9999, found {ms}"))
    })
}

fn moment(microseconds: i64) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp_micros(microseconds).filter(|_| (0..=LAST_US).contains(&microseconds))
}
