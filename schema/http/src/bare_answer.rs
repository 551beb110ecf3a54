//! What hyper answers by itself, before any service is called, to what it cannot parse: a status without a body. It is put in
//! words here, on its way to the client, so that no answer of ours is without them.
//!
//! Recognised by its form alone: one of its statuses, nothing but the headers that hyper writes, and an end of the connection. An
//! answer of a route has another header.

use axum::http::StatusCode;

use crate::refusal::{Refusal, Refuse};

/// No answer of hyper's own is longer.
const LONGEST: usize = 256;

/// All that hyper answers by itself.
const STATUSES: [StatusCode; 3] =
    [StatusCode::BAD_REQUEST, StatusCode::URI_TOO_LONG, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE];

/// A bare answer.
#[derive(Debug, PartialEq, Eq)]
struct Bare<'a> {
    status: StatusCode,
    date: Option<&'a str>,
}

/// The answer in words, as it goes over the wire, in place of hyper's own.
pub(crate) fn in_words(written: &[u8], refuse: &Refuse) -> Option<Vec<u8>> {
    let bare = parse(written)?;
    Some(last_answer(Refusal::of_status(bare.status), bare.date, refuse))
}

/// The answer to what comes to no route as it goes over the wire, after which the connection is closed.
pub(crate) fn last_answer(refusal: Refusal, date: Option<&str>, refuse: &Refuse) -> Vec<u8> {
    let response = refuse(refusal);
    let mut wire = format!("HTTP/1.1 {}\r\nconnection: close\r\n", response.status()).into_bytes();
    for (name, value) in response.headers() {
        wire.extend_from_slice(name.as_str().as_bytes());
        wire.extend_from_slice(b": ");
        wire.extend_from_slice(value.as_bytes());
        wire.extend_from_slice(b"\r\n");
    }
    if let Some(date) = date {
        wire.extend_from_slice(format!("date: {date}\r\n").as_bytes());
    }
    wire.extend_from_slice(format!("content-length: {}\r\n\r\n", response.body().len()).as_bytes());
    wire.extend_from_slice(response.body());
    wire
}

fn parse(written: &[u8]) -> Option<Bare<'_>> {
    if written.len() > LONGEST || !written.starts_with(b"HTTP/1.") {
        return None;
    }
    let head = std::str::from_utf8(written).ok()?.strip_suffix("\r\n\r\n")?;
    let mut lines = head.split("\r\n");
    let status =
        lines.next()?.split(' ').nth(1)?.parse::<StatusCode>().ok().filter(|status| STATUSES.contains(status))?;
    let (mut bare, mut closes) = (Bare { status, date: None }, false);
    for line in lines {
        match line.split_once(": ")? {
            ("connection", "close") => closes = true,
            ("content-length", "0") => {}
            ("date", date) => bare.date = Some(date),
            _ => return None,
        }
    }
    closes.then_some(bare)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hypers_own_is_told_from_ours() {
        let bare = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\ndate: Sat, 28 Nov 2026 02:00:00 GMT\r\n\r\n";
        let expected =
            Bare { status: StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, date: Some("Sat, 28 Nov 2026 02:00:00 GMT") };
        assert_eq!(parse(bare), Some(expected));
        for ours in [
            &b"HTTP/1.1 400 Bad Request\r\ncache-control: no-store\r\ncontent-length: 0\r\n\r\n"[..],
            b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
            b"HTTP/1.1 404 Not Found\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
            b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n",
            b"HTTP/1.1 100 Continue\r\n\r\n",
            b"HTTP/1.1 400 Bad Request\r\ncontent-length: 2\r\n\r\n",
            b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\nx",
            b"HTTP/1.1 4",
            b"",
        ] {
            assert_eq!(parse(ours), None, "{}", String::from_utf8_lossy(ours));
        }
    }
}
