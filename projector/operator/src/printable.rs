//! Text that anybody may have sent, for a terminal. It must never let a control character reach one.

/// Text whose control characters, but for line ends and tabs, are escaped.
pub(crate) fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() && c != '\n' && c != '\t' {
            shown.extend(c.escape_unicode());
        } else {
            shown.push(c);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_line_ends_and_tabs_stay() {
        assert_eq!(printable("a\tb\n\u{1b}[31m\0"), "a\tb\n\\u{1b}[31m\\u{0}");
    }
}
