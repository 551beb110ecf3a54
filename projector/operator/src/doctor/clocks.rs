//! This machine's clock against others'. Each is asked over a way that takes time, so a difference counts only as far as it is above what that way
//! and the other's precision explain. It must never claim a difference that they may explain.

use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use ledger_database::Watched;

use super::finding::{Area, Sheet};

/// Holds, tokens and certificates end by clocks; a second more or less ends none of them wrongly.
const TOLERANCE: TimeDelta = TimeDelta::seconds(1);
/// Tokens are taken and refused by clocks that are apart by no more.
const TOO_FAR: TimeDelta = TimeDelta::seconds(60);
const ASKED: usize = 3;
const SET_THEM: &str = "set both clocks by NTP (chronyc tracking)";

/// The answer of the shortest of a few questions counts: its half is the least that the way can explain.
pub(super) async fn of_database(sheet: &Sheet, connection: &mut Watched) -> Result<(), sqlx::Error> {
    let mut best: Option<(Duration, TimeDelta)> = None;
    for _ in 0..ASKED {
        let (sent, begun) = (Utc::now(), Instant::now());
        let micros: i64 = sqlx::query_scalar("SELECT CAST(UNIX_TIMESTAMP(NOW(6)) * 1000000 AS SIGNED)")
            .fetch_one(&mut *connection)
            .await?;
        let took = begun.elapsed();
        let Some(theirs) = DateTime::from_timestamp_micros(micros) else { continue };
        let middle = sent + TimeDelta::from_std(took / 2).unwrap_or_default();
        if best.is_none_or(|(shortest, _)| took < shortest) {
            best = Some((took, theirs - middle));
        }
    }
    let sheet = sheet.of(Area::Clocks);
    let what = "clock of the database, against this machine's";
    match best {
        Some((took, ahead)) => judge(&sheet, what, ahead, took / 2),
        None => sheet.skip(what, "it told no time"),
    }
    Ok(())
}

/// By the `Date` of an answer, which has whole seconds: the clock showed that second, or up to its end.
pub(super) fn of_answer(sheet: &Sheet, name: &str, date: Option<&str>, sent: DateTime<Utc>, took: Duration) {
    let sheet = sheet.of(Area::Clocks);
    let what = format!("clock of the {name}, against this machine's");
    let Some(theirs) = date.and_then(|date| DateTime::parse_from_rfc2822(date).ok()) else {
        return sheet.skip(what, "it says no date");
    };
    let theirs = theirs.to_utc() + TimeDelta::milliseconds(500);
    let middle = sent + TimeDelta::from_std(took / 2).unwrap_or_default();
    judge(&sheet, what, theirs - middle, took / 2 + Duration::from_millis(500));
}

/// `ahead`: of ours; `unsure`: how far it may be off either way.
fn judge(sheet: &Sheet, what: impl Into<String>, ahead: TimeDelta, unsure: Duration) {
    let unsure = TimeDelta::from_std(unsure).unwrap_or(TimeDelta::MAX);
    let direction = if ahead < TimeDelta::zero() { "behind" } else { "ahead" };
    let found = format!("{} {direction}, give or take {}", seconds(ahead.abs()), seconds(unsure));
    let certain = ahead.abs() - unsure;
    if certain <= TOLERANCE {
        sheet.fine(what, found);
    } else if certain <= TOO_FAR {
        sheet.warn(what, found, SET_THEM);
    } else {
        sheet.wrong(what, found, SET_THEM);
    }
}

fn seconds(delta: TimeDelta) -> String {
    format!("{}.{:03} s", delta.num_seconds(), delta.num_milliseconds() % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::Verdict;

    #[test]
    fn a_difference_counts_as_far_as_it_is_certain() {
        for (ahead_ms, unsure_ms, verdict, found) in [
            (3, 2, Verdict::Fine, "0.003 s ahead, give or take 0.002 s"),
            (-1_400, 500, Verdict::Fine, "1.400 s behind, give or take 0.500 s"),
            (-1_600, 500, Verdict::Warning, "1.600 s behind, give or take 0.500 s"),
            (70_000, 1, Verdict::Wrong, "70.000 s ahead, give or take 0.001 s"),
            (70_000, 30_000, Verdict::Warning, "70.000 s ahead, give or take 30.000 s"),
        ] {
            let sheet = Sheet::new(Area::Clocks);
            judge(&sheet, "clock", TimeDelta::milliseconds(ahead_ms), Duration::from_millis(unsure_ms));
            let finding = &sheet.findings()[0];
            assert_eq!((finding.verdict, finding.found.as_str()), (verdict, found));
        }
    }

    #[test]
    fn a_date_of_whole_seconds_is_off_by_half_a_second_at_most() {
        let sent = DateTime::parse_from_rfc3339("2026-11-29T00:24:30.900Z").expect("a time").to_utc();
        for (date, verdict) in [
            (Some("Sun, 29 Nov 2026 00:24:30 GMT"), Verdict::Fine),
            (Some("Sun, 29 Nov 2026 00:24:31 GMT"), Verdict::Fine),
            (Some("Sun, 29 Nov 2026 00:24:40 GMT"), Verdict::Warning),
            (Some("Sun, 29 Nov 2026 02:24:30 GMT"), Verdict::Wrong),
            (Some("yesterday"), Verdict::NotLookedAt),
            (None, Verdict::NotLookedAt),
        ] {
            let sheet = Sheet::new(Area::Parts);
            of_answer(&sheet, "projector", date, sent, Duration::from_millis(20));
            let finding = &sheet.findings()[0];
            assert_eq!((finding.verdict, finding.area), (verdict, Area::Clocks), "{date:?}");
        }
    }
}
