//! Every decision of a schedule, in the order in which it was taken. A seed draws them; a recorded list repeats them. Choice 0
//! is always the harmless one (the task that has waited longest, no fault, the least of a number), so a list that is cut or zeroed is
//! a simpler schedule, which is what shrinking rests on. It must never be asked by anything but the schedule's own thread.

/// Where decisions come from, and which were taken.
#[derive(Debug)]
pub struct Choices {
    source: Source,
    taken: Vec<u16>,
}

#[derive(Debug)]
enum Source {
    Seed(u64),
    /// Followed by harmless choices without end.
    Recorded(std::vec::IntoIter<u16>),
}

impl Choices {
    pub fn of_seed(seed: u64) -> Self {
        // Neighbouring seeds must not begin alike.
        Self { source: Source::Seed(mix(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15))), taken: Vec::new() }
    }

    pub fn recorded(choices: Vec<u16>) -> Self {
        Self { source: Source::Recorded(choices.into_iter()), taken: Vec::new() }
    }

    pub fn taken(self) -> Vec<u16> {
        self.taken
    }

    /// One of `count` (at least 1), each as likely as the other.
    pub fn below(&mut self, count: usize) -> usize {
        if count <= 1 {
            return 0;
        }
        self.take(count, |random| usize::try_from(random % u64_of(count)).unwrap_or(0))
    }

    /// Whether something happens that is not harmless, `per_mille` times in a thousand.
    pub fn happens(&mut self, per_mille: u64) -> bool {
        per_mille > 0 && self.take(2, |random| usize::from(random % 1000 < per_mille)) == 1
    }

    fn take(&mut self, count: usize, draw: impl FnOnce(u64) -> usize) -> usize {
        let choice = match &mut self.source {
            Source::Seed(state) => draw(next(state)),
            Source::Recorded(rest) => usize::from(rest.next().unwrap_or(0)).min(count - 1),
        };
        self.taken.push(u16::try_from(choice).unwrap_or(u16::MAX));
        choice
    }
}

/// Choices as text: those that are not harmless, each as PLACE:CHOICE.
pub fn show(choices: &[u16]) -> String {
    let harmful = choices.iter().enumerate().filter(|(_, choice)| **choice > 0);
    harmful.map(|(at, choice)| format!("{at}:{choice}")).collect::<Vec<_>>().join(" ")
}

/// The choices that a text names.
///
/// # Errors
/// The word that is no PLACE:CHOICE.
pub fn read(text: &str) -> Result<Vec<u16>, String> {
    let mut choices = Vec::new();
    for word in text.split_whitespace() {
        let pair = word.split_once(':').and_then(|(at, choice)| Some((at.parse().ok()?, choice.parse().ok()?)));
        let (at, choice): (usize, u16) = pair.ok_or_else(|| format!("{word}: expected PLACE:CHOICE"))?;
        if choices.len() <= at {
            choices.resize(at + 1, 0);
        }
        choices[at] = choice;
    }
    Ok(choices)
}

fn u64_of(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

/// SplitMix64.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mix(*state)
}

fn mix(mut value: u64) -> u64 {
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_are_read_as_they_are_shown() {
        assert_eq!(show(&[0, 2, 0, 11, 0]), "1:2 3:11");
        assert_eq!(read("1:2 3:11"), Ok(vec![0, 2, 0, 11]));
        assert_eq!(read(""), Ok(vec![]));
        assert!(read("1").is_err() && read("a:1").is_err());
    }

    #[test]
    fn what_was_taken_repeats_itself_and_ends_harmless() {
        let draw = |choices: &mut Choices| {
            (0..50).map(|_| (choices.below(7), choices.happens(300))).collect::<Vec<(usize, bool)>>()
        };
        let mut drawn = Choices::of_seed(7);
        let first = draw(&mut drawn);
        let mut repeated = Choices::recorded(drawn.taken());
        assert_eq!(draw(&mut repeated), first);
        assert_eq!(draw(&mut repeated), vec![(0, false); 50]);
        assert_ne!(draw(&mut Choices::of_seed(8)), first);
    }
}
