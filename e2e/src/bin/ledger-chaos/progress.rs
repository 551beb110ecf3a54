//! What happens meanwhile, on stderr; results go to stdout. It must never fail: nobody may be reading any more.

use std::io::Write;

pub(crate) fn progress(text: &str) {
    // As above: the run goes on, whether or not somebody reads about it.
    let _ = writeln!(std::io::stderr(), "{text}");
}
