//! Whether rows may change. It must never take silence for a yes.

use std::io::{BufRead, IsTerminal, Write};

use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

/// Who answers when rows would change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consent {
    /// `--yes`.
    Given,
    /// A person at the terminal.
    Asked,
    /// Nobody.
    Missing,
}

impl Consent {
    /// As the flag says, else as fits where the command runs.
    pub fn of(yes: bool) -> Self {
        let terminal = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
        match (yes, terminal) {
            (true, _) => Self::Given,
            (false, true) => Self::Asked,
            (false, false) => Self::Missing,
        }
    }

    /// The answer to a rebuild's question; a stop is a no.
    pub(super) async fn given(self, changes: &[String], stop: &CancellationToken) -> bool {
        self.agrees(&format!("{}\nSwap the new tables in?", changes.join("\n")), stop).await
    }

    /// The answer to `question`; a stop is a no.
    pub async fn agrees(self, question: &str, stop: &CancellationToken) -> bool {
        match self {
            Self::Given => true,
            Self::Missing => false,
            Self::Asked => {
                let (answer, answered) = oneshot::channel();
                let text = format!("{question} [y/N] ");
                // A thread that nobody waits for: it may read for ever.
                std::thread::spawn(move || answer.send(ask(&text)));
                tokio::select! {
                    // The thread ended without an answer: that is no yes.
                    yes = answered => yes.unwrap_or(false),
                    () = stop.cancelled() => false,
                }
            }
        }
    }
}

fn ask(text: &str) -> bool {
    let mut line = String::new();
    let mut stderr = std::io::stderr().lock();
    let asked = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
    asked.and_then(|()| std::io::stdin().lock().read_line(&mut line)).is_ok() && is_yes(&line)
}

fn is_yes(line: &str) -> bool {
    matches!(line.trim().to_ascii_lowercase().as_str(), "y" | "yes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_yes_is_a_yes() {
        for (line, yes) in [("y\n", true), (" YES ", true), ("", false), ("n", false), ("yep", false), ("\n", false)] {
            assert_eq!(is_yes(line), yes, "{line:?}");
        }
    }

    #[tokio::test]
    async fn nobody_is_no() {
        let stop = CancellationToken::new();
        assert!(!Consent::Missing.given(&[], &stop).await);
        assert!(Consent::Given.given(&[], &stop).await);
    }
}
