//! From a schedule that fails to the simplest one found that fails alike: choices are cut off, zeroed and left out for as long as
//! the same thing goes wrong. It must never settle for another failure.

use std::time::{Duration, Instant};

use crate::choice::Choices;
use crate::schedule::{Played, Setting, play};

/// Plays that a shrinking may take, and how long.
const MOST_PLAYS: usize = 4_000;
const MOST_TIME: Duration = Duration::from_secs(40);

/// The simplest schedule that fails as `choices` do, with its trace.
pub fn shrink(choices: Vec<u16>, setting: &Setting) -> Played {
    let kind = |played: &Played| played.violation.as_deref().map(kind_of);
    let wanted = kind(&play(Choices::recorded(choices.clone()), setting, false));
    let mut search = Search {
        best: choices,
        plays: 0,
        began: Instant::now(),
        fails: |candidate: &[u16]| {
            let played = play(Choices::recorded(candidate.to_vec()), setting, false);
            (kind(&played) == wanted).then_some(played.choices)
        },
    };
    search.run();
    play(Choices::recorded(search.best), setting, true)
}

/// Failures are alike when they read the same but for numbers and names.
pub fn kind_of(violation: &str) -> String {
    let words = violation.split_whitespace().take_while(|word| !word.contains("expected"));
    words
        .filter(|word| word.chars().all(|c| !c.is_ascii_digit() && !c.is_ascii_uppercase()))
        .collect::<Vec<_>>()
        .join(" ")
}

struct Search<F> {
    best: Vec<u16>,
    plays: usize,
    began: Instant,
    fails: F,
}

impl<F: Fn(&[u16]) -> Option<Vec<u16>>> Search<F> {
    fn run(&mut self) {
        loop {
            let before = self.best.clone();
            self.cut_tail();
            self.zero_spans();
            self.leave_out_spans();
            self.lower_each();
            if self.best == before || self.is_spent() {
                return;
            }
        }
    }

    fn is_spent(&self) -> bool {
        self.plays >= MOST_PLAYS || self.began.elapsed() > MOST_TIME
    }

    /// Takes the candidate over when it fails alike, and is simpler.
    fn takes(&mut self, candidate: &[u16]) -> bool {
        if self.is_spent() {
            return false;
        }
        self.plays += 1;
        let Some(mut taken) = (self.fails)(candidate) else { return false };
        while taken.last() == Some(&0) {
            taken.pop();
        }
        if weight(&taken) >= weight(&self.best) {
            return false;
        }
        self.best = taken;
        true
    }

    fn cut_tail(&mut self) {
        let mut cut = self.best.len() / 2;
        while cut > 0 {
            let kept = self.best.len().saturating_sub(cut);
            let candidate = self.best.get(..kept).unwrap_or_default().to_vec();
            if !self.takes(&candidate) {
                cut /= 2;
            }
        }
    }

    fn zero_spans(&mut self) {
        self.spans(|choices, from, to| {
            let mut candidate = choices.to_vec();
            let span = candidate.get_mut(from..to)?;
            if span.iter().all(|choice| *choice == 0) {
                return None;
            }
            span.fill(0);
            Some(candidate)
        });
    }

    fn leave_out_spans(&mut self) {
        self.spans(|choices, from, to| Some([choices.get(..from)?, choices.get(to..)?].concat()));
    }

    fn spans(&mut self, change: impl Fn(&[u16], usize, usize) -> Option<Vec<u16>>) {
        let mut length = (self.best.len() / 2).max(1);
        loop {
            let mut from = 0;
            while from < self.best.len() && !self.is_spent() {
                let to = (from + length).min(self.best.len());
                let candidate = change(&self.best, from, to);
                if !candidate.is_some_and(|candidate| self.takes(&candidate)) {
                    from += length;
                }
            }
            if length == 1 {
                return;
            }
            length /= 2;
        }
    }

    fn lower_each(&mut self) {
        for at in 0..self.best.len() {
            while let Some(choice @ 1..) = self.best.get(at).copied() {
                let mut candidate = self.best.clone();
                candidate[at] = choice - 1;
                if !self.takes(&candidate) {
                    break;
                }
            }
        }
    }
}

/// What makes a schedule hard to read: choices that are not harmless, then its length.
fn weight(choices: &[u16]) -> (usize, usize, u64) {
    let harmful = choices.iter().filter(|choice| **choice > 0).count();
    (harmful, choices.len(), choices.iter().map(|choice| u64::from(*choice)).sum())
}
