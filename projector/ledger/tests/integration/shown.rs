//! What reaches a terminal, a pipe and a log: strangers' text is printable there, and a reader that has enough is no error.

use std::process::Stdio;

use ledger_schema::printable::printable;
use serde_json::Value;

use crate::setting::{Append, Setting, code, product_in, receipt, stderr};

/// A right-to-left override, a byte that begins control sequences, a line end, an isolate, a zero width space, an end of a line
/// that only Unicode knows, and what clears a screen.
const STRANGE: &str = "ab\u{202e}dc\u{9b}2J\nledger: all is well\u{2066}\u{200b}\u{2028}\u{1b}[2J";

#[tokio::test]
async fn text_of_strangers_is_printable_wherever_it_is_shown() {
    let setting = Setting::migrated("strange");
    let projector = setting.project();
    let headers: &[(&str, Option<&[u8]>)] = &[(STRANGE, Some(STRANGE.as_bytes()))];
    let (key, value) = (Some(STRANGE.as_bytes()), Some(STRANGE.as_bytes()));
    setting.append(Append { partition: 1, key, value, headers }).await;
    setting.folded_to(1, 1).await;
    for args in [
        &["dead-letters", "list", "--output", "table"][..],
        &["dead-letters", "show", "1:0", "--output", "table"],
        &["dead-letters", "list", "--output", "json"],
        &["dead-letters", "show", "1:0", "--output", "json"],
        &["verify", "--output", "table"],
    ] {
        let output = setting.ledger(args);
        assert_eq!(code(&output), 0, "{args:?}: {}", stderr(&output));
        let shown = String::from_utf8(output.stdout).expect("text");
        assert_eq!(printable(&shown), shown, "{args:?}");
    }
    let whole = setting.ledger(&["dead-letters", "show", "1:0", "--output", "json"]);
    let letter: Value = serde_json::from_slice(&whole.stdout).expect("JSON");
    assert_eq!(letter["key"]["text"], STRANGE, "JSON means what was received");
    assert_eq!((&letter["headers"][0]["name"], &letter["value"]["text"]), (&STRANGE.into(), &STRANGE.into()));
    // One line of the table for the header's name, whatever is in it.
    let table = setting.ledger(&["dead-letters", "show", "1:0", "--output", "table"]);
    let table = String::from_utf8(table.stdout).expect("text");
    assert!(!table.lines().any(|line| line.trim_matches(['│', ' ']).starts_with("ledger: all is well")), "{table}");
    let log = projector.log();
    assert_eq!(printable(&log), log, "the projector's log");
    assert_eq!(projector.stop().0, 0);
    setting.finish().await;
}

#[tokio::test]
async fn a_reader_that_has_enough_is_no_error() {
    let setting = Setting::migrated("enough");
    let product = product_in(1, "bar");
    setting.append_event(&product, &receipt(1, &product, 10)).await;
    for args in
        [&["stock", "--output", "table"][..], &["stock"], &["generations", "list"], &["verify", "--no-such-flag"]]
    {
        let mut command = setting.command(args, &[]);
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
        // As `| head` does, though sooner than it could.
        drop(child.stdout.take());
        let output = child.wait_with_output().expect("it ends");
        let said = stderr(&output);
        let expected = if args[0] == "verify" { 2 } else { 0 };
        assert_eq!(code(&output), expected, "{args:?}: {said}");
        assert!(!said.contains("panicked") && !said.contains("ledger:"), "{args:?}: {said}");
    }
    // Nor is there a panic where nobody reads what went wrong.
    let mut command = setting.command(&["stock", "--product", "nowhere"], &[]);
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it starts");
    drop(child.stderr.take());
    assert_eq!(child.wait().expect("it ends").code(), Some(1));
    setting.finish().await;
}
