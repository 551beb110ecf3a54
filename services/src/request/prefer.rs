//! The header `Prefer` (RFC 7240), of which `wait` is honoured and everything else is ignored.
//!
//! As RFC 7240 asks (section 2): several headers are one comma separated list; a name counts the first time it stands
//! there; parameters after `;` belong to their preference; what cannot be honoured or read, such as `wait=-1` or
//! `wait=soon`, is ignored as if it were absent. A wait beyond the service's limit is shortened to it, and
//! `Preference-Applied` says so.

use axum::http::HeaderMap;

/// Seconds of `wait`, as far as they were understood. Numbers beyond 64 bits are the largest.
pub(super) fn wait_seconds(headers: &HeaderMap) -> Option<u64> {
    headers
        .get_all("prefer")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| split_unquoted(value, ','))
        .find_map(|preference| {
            let preference = split_unquoted(preference, ';').next().expect("a text that is split has a first part");
            let (name, value) = preference.split_once('=').unwrap_or((preference, ""));
            name.trim().eq_ignore_ascii_case("wait").then(|| seconds(value.trim()))
        })
        .flatten()
}

fn seconds(text: &str) -> Option<u64> {
    let digits = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits.parse().unwrap_or(u64::MAX))
}

/// Splits at `separator` where it does not stand in a quoted string.
fn split_unquoted(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    text.split(move |c| {
        let was_escaped = escaped;
        escaped = quoted && c == '\\' && !was_escaped;
        quoted ^= c == '"' && !was_escaped;
        c == separator && !quoted
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn check(values: &[&'static str], expected: Option<u64>) {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append("prefer", HeaderValue::from_static(value));
        }
        assert_eq!(wait_seconds(&headers), expected, "{values:?}");
    }

    #[test]
    fn waits() {
        check(&[], None);
        check(&["wait=10"], Some(10));
        check(&["WAIT = 10"], Some(10));
        check(&["wait=\"10\""], Some(10));
        check(&["wait=0"], Some(0));
        check(&["respond-async, wait=3; x=y, handling=lenient"], Some(3));
        check(&["return=minimal", "wait=4"], Some(4));
        check(&["foo=\"a, wait=9\", wait=2"], Some(2));
        check(&["foo=\"a\\\", wait=9\", wait=2"], Some(2));
        check(&["wait=99999999999999999999999"], Some(u64::MAX));
    }

    #[test]
    fn what_is_ignored() {
        for value in [
            "",
            "wait",
            "wait=",
            "wait=-1",
            "wait=1.5",
            "wait=soon",
            "wait=+1",
            "wait=1s",
            "waits=1",
            "x;wait=3",
            ",,;",
        ] {
            check(&[value], None);
        }
        // The first counts, also when it cannot be read.
        check(&["wait=1, wait=2"], Some(1));
        check(&["wait=x", "wait=2"], None);
    }
}
