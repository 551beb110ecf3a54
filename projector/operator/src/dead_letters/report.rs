//! How parked records and redrives are shown.

use super::as_received::{Fate, Item, RedriveSummary};
use super::marks::Mark;
use super::parked::{Header, Letter, Listed, Listing};
use super::redrive::Redriven;
use super::shown::Shown;
use crate::output::Report;
use ledger_schema::printable::printable_line;

/// Characters of a key in the table of a list.
const BRIEF_KEY: usize = 32;

fn mark_text(mark: Option<Mark>) -> String {
    match mark {
        None => String::new(),
        Some(Mark::Appended(position)) => format!("at {position}"),
        Some(Mark::Unfinished) => "unfinished".to_owned(),
    }
}

impl Report for Listing {
    fn header(&self) -> Vec<&'static str> {
        vec!["position", "reason", "detail", "key", "value bytes", "redriven"]
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let row = |letter: &Listed| {
            vec![
                letter.position.clone(),
                letter.reason.clone(),
                letter.detail.clone(),
                letter.key.as_ref().map_or("(none)".to_owned(), |key| key.brief(BRIEF_KEY)),
                letter.value_bytes.map_or("(none)".to_owned(), |bytes| bytes.to_string()),
                mark_text(letter.redriven),
            ]
        };
        self.items.iter().map(row).collect()
    }

    fn summary(&self) -> Option<String> {
        let redriven = self.items.iter().filter(|letter| letter.redriven.is_some()).count();
        let more = if self.more { "; there are more: raise --limit, or choose by --reason or --partition" } else { "" };
        Some(format!("{} parked records, {redriven} of them redriven{more}", self.items.len()))
    }
}

impl Report for Letter {
    fn header(&self) -> Vec<&'static str> {
        vec!["what", "content"]
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let whole = |shown: Option<&Shown>| shown.map_or("(none)".to_owned(), Shown::whole);
        let row = |what: &str, content: String| vec![what.to_owned(), content];
        let mut rows = vec![
            row("position", self.position.clone()),
            row("reason", self.reason.clone()),
            row("detail", self.detail.clone()),
            row("redriven", mark_text(self.redriven)),
            row("key", whole(self.key.as_ref())),
        ];
        let header =
            |header: &Header| row(&format!("header {}", printable_line(&header.name)), whole(header.value.as_ref()));
        rows.extend(self.headers.iter().map(header));
        rows.push(row("value bytes", self.value_bytes.map_or("(none)".to_owned(), |bytes| bytes.to_string())));
        rows.push(row("value", whole(self.value.as_ref())));
        rows
    }
}

impl Report for Redriven {
    fn header(&self) -> Vec<&'static str> {
        vec!["parked record", "mended by", "event", "id"]
    }

    fn rows(&self) -> Vec<Vec<String>> {
        vec![vec![self.mended.clone(), self.position.clone(), self.event_type.to_owned(), self.id.clone()]]
    }

    fn summary(&self) -> Option<String> {
        self.resumed.then(|| "an earlier redrive that did not end was finished".to_owned())
    }
}

impl Report for RedriveSummary {
    fn header(&self) -> Vec<&'static str> {
        vec!["parked record", "reason", "what", "detail"]
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let what = |fate: Fate| match fate {
            Fate::Redriven => "redriven",
            Fate::WouldBeRedriven => "would be redriven",
            Fate::Skipped => "skipped",
            Fate::Refused => "refused",
        };
        let row = |item: &Item| {
            vec![item.position.clone(), item.reason.clone(), what(item.fate).to_owned(), item.detail.clone()]
        };
        self.items.iter().map(row).collect()
    }

    fn summary(&self) -> Option<String> {
        let Self { dry_run, found, redriven, skipped, refused, more, items } = self;
        let would = if *dry_run { "would be " } else { "" };
        let unlisted = self.done() - items.len();
        let unlisted = if unlisted > 0 { format!("; {unlisted} are not listed") } else { String::new() };
        let more = if *more { "; there are more: run it again" } else { "" };
        Some(format!(
            "{found} parked records: {redriven} {would}redriven, {skipped} skipped, {refused} refused{unlisted}{more}"
        ))
    }
}
