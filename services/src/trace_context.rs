//! W3C Trace Context (2021-11-23): the headers `traceparent` and `tracestate`, which travel with the event as they came. What is
//! not as the recommendation says is dropped, as it asks: a second `traceparent` (then it is not known which trace it is), and a
//! `tracestate` without a valid `traceparent`.

use axum::http::{HeaderMap, HeaderValue};

pub(crate) const TRACEPARENT: &str = "traceparent";
pub(crate) const TRACESTATE: &str = "tracestate";
/// Members of a `tracestate`.
const MAX_MEMBERS: usize = 32;
/// The recommendation asks for 512 at least; what is longer would only swell the log.
const MAX_STATE_BYTES: usize = 1024;

/// Which trace a request is part of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TraceContext {
    pub(crate) parent: HeaderValue,
    /// Members of all `tracestate` headers, in their order.
    pub(crate) state: Option<String>,
}

impl TraceContext {
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        let mut parents = headers.get_all(TRACEPARENT).iter();
        let (Some(parent), None) = (parents.next(), parents.next()) else { return None };
        is_traceparent(parent).then(|| Self { parent: parent.clone(), state: state(headers) })
    }
}

/// Version 00: `00-TRACE-PARENT-FLAGS` in lower case hex, trace and parent not all zero.
fn is_traceparent(value: &HeaderValue) -> bool {
    let Ok(text) = value.to_str() else { return false };
    let mut parts = text.split('-');
    let mut hex = |length: usize| {
        let part = parts.next()?;
        let is_hex = part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        (part.len() == length && is_hex).then_some(part)
    };
    let fields = (hex(2), hex(32), hex(16), hex(2));
    let (Some(version), Some(trace), Some(parent), Some(_flags)) = fields else { return false };
    version == "00" && trace.contains(|c| c != '0') && parent.contains(|c| c != '0') && parts.next().is_none()
}

/// The headers are one list (RFC 9110, section 5.3); empty members are allowed, and left out.
fn state(headers: &HeaderMap) -> Option<String> {
    let mut members = Vec::new();
    for value in headers.get_all(TRACESTATE) {
        let text = value.to_str().ok()?;
        members.extend(text.split(',').map(str::trim).filter(|member| !member.is_empty()));
    }
    let is_member = |member: &&str| {
        member.split_once('=').is_some_and(|(key, value)| !key.is_empty() && !value.is_empty() && !value.contains('='))
    };
    let state = members.join(",");
    let is_valid = (1..=MAX_MEMBERS).contains(&members.len()) && members.iter().all(is_member);
    (is_valid && state.len() <= MAX_STATE_BYTES).then_some(state)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn trace(headers: &[(&'static str, &str)]) -> Option<TraceContext> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::try_from(*value).expect("a header"));
        }
        TraceContext::of(&map)
    }

    #[test]
    fn traceparents() {
        assert_eq!(trace(&[(TRACEPARENT, PARENT)]).map(|trace| trace.parent).expect("valid"), PARENT);
        assert_eq!(trace(&[]), None);
        assert_eq!(trace(&[(TRACEPARENT, PARENT), (TRACEPARENT, PARENT)]), None, "which one is not known");
        for bad in [
            "",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00F067AA0BA902B7-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
        ] {
            assert_eq!(trace(&[(TRACEPARENT, bad), (TRACESTATE, "a=1")]), None, "{bad}");
        }
    }

    #[test]
    fn tracestates() {
        let state = |values: &[&str]| {
            let states = values.iter().map(|value| (TRACESTATE, *value));
            let headers: Vec<_> = [(TRACEPARENT, PARENT)].into_iter().chain(states).collect();
            trace(&headers).expect("the parent is valid").state
        };
        assert_eq!(state(&[]), None);
        assert_eq!(
            state(&["rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"]).as_deref(),
            Some("rojo=00f067aa0ba902b7,congo=t61rcWkgMzE")
        );
        assert_eq!(state(&["a=1 ,, b=2", "c@d=3"]).as_deref(), Some("a=1,b=2,c@d=3"));
        let many = vec!["a=1"; 33].join(",");
        let long = format!("a={}", "x".repeat(MAX_STATE_BYTES));
        for bad in ["", ",", "a", "a=", "=1", "a=1=2", "a=\u{e9}", &many, &long] {
            assert_eq!(state(&[bad]), None, "{bad}");
        }
        assert_eq!(state(&["a=1", "no member"]), None);
    }
}
