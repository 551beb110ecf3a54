//! A question before rows change, for whoever sits at a terminal. Silence is never a yes.

use std::io::{BufRead, IsTerminal, Write};

use crate::exit::CommandError;

/// Asks whether `what` shall happen, unless `--yes` said so.
///
/// # Errors
/// [`CommandError::Refused`] when the answer is no, or when there is no terminal to ask on.
pub(super) async fn ask(what: String, yes: bool) -> Result<(), CommandError> {
    if yes {
        return Ok(());
    }
    if !(std::io::stdin().is_terminal() && std::io::stderr().is_terminal()) {
        let refused = format!("{what}. There is no terminal to ask on: --yes agrees to it. Nothing was changed");
        return Err(CommandError::Refused(refused));
    }
    let answer = tokio::task::spawn_blocking(move || read_answer(&what)).await.map_err(std::io::Error::other)??;
    if is_yes(&answer) { Ok(()) } else { Err(CommandError::Refused("not agreed to; nothing was changed".to_owned())) }
}

fn read_answer(what: &str) -> std::io::Result<String> {
    let mut stderr = std::io::stderr().lock();
    write!(stderr, "{what}. Go on? [y/N] ")?;
    stderr.flush()?;
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    Ok(line)
}

fn is_yes(line: &str) -> bool {
    matches!(line.trim().to_ascii_lowercase().as_str(), "y" | "yes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_yes_is_a_yes() {
        for (line, yes) in [("y\n", true), (" YES\n", true), ("", false), ("n\n", false), ("yep\n", false)] {
            assert_eq!(is_yes(line), yes, "{line:?}");
        }
    }
}
