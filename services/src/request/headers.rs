//! The headers that a POST may carry: `Idempotency-Key`, `Prefer`, `traceparent`.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};
use ledger_schema::IdempotencyKey;

use super::limits::RequestLimits;
use super::prefer;
use crate::problem::Problem;

const IDEMPOTENCY_KEY: &str = "Idempotency-Key";

/// `Prefer: wait=..`, shortened to the service's limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Preference {
    pub(crate) wait: Option<Duration>,
}

impl Preference {
    /// The value of `Preference-Applied`, if a wait was asked for.
    pub(crate) fn applied(self) -> Option<HeaderValue> {
        let seconds = self.wait?.as_secs();
        Some(HeaderValue::try_from(format!("wait={seconds}")).expect("digits are a header's value"))
    }
}

impl<S> FromRequestParts<S> for Preference
where
    RequestLimits: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let limits = RequestLimits::from_ref(state);
        let wait =
            prefer::wait_seconds(&parts.headers).map(|seconds| Duration::from_secs(seconds).min(limits.max_wait));
        Ok(Self { wait })
    }
}

/// What a POST says beside its body.
#[derive(Debug)]
pub(crate) struct WriteHeaders {
    pub(crate) idempotency_key: Option<IdempotencyKey>,
    pub(crate) preference: Preference,
    /// A valid W3C `traceparent`, to travel with the event.
    pub(crate) traceparent: Option<HeaderValue>,
}

impl<S> FromRequestParts<S> for WriteHeaders
where
    RequestLimits: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Ok(preference) = Preference::from_request_parts(parts, state).await;
        let idempotency_key = idempotency_key(&parts.headers)?;
        Ok(Self { idempotency_key, preference, traceparent: traceparent(&parts.headers) })
    }
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<IdempotencyKey>, Problem> {
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Problem::invalid(IDEMPOTENCY_KEY, "stands more than once"));
    }
    let text = std::str::from_utf8(value.as_bytes())
        .map_err(|_| Problem::invalid(IDEMPOTENCY_KEY, "must be 1 to 255 printable ASCII characters"))?;
    let key =
        IdempotencyKey::parse(text).map_err(|violation| Problem::invalid(IDEMPOTENCY_KEY, violation.to_string()))?;
    Ok(Some(key))
}

/// W3C Trace Context, version 00: `00-TRACE-PARENT-FLAGS` in lower case hex, trace and parent not all zero. Anything
/// else is dropped, as the recommendation asks.
fn traceparent(headers: &HeaderMap) -> Option<HeaderValue> {
    let value = headers.get("traceparent")?;
    let mut parts = value.to_str().ok()?.split('-');
    let mut hex = |length: usize| {
        let part = parts.next()?;
        let is_hex = part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        (part.len() == length && is_hex).then_some(part)
    };
    let (version, trace, parent, _flags) = (hex(2)?, hex(32)?, hex(16)?, hex(2)?);
    let is_valid =
        version == "00" && trace.contains(|c| c != '0') && parent.contains(|c| c != '0') && parts.next().is_none();
    is_valid.then(|| value.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &'static str, values: &[&[u8]]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(name, HeaderValue::from_bytes(value).expect("a header"));
        }
        headers
    }

    #[test]
    fn idempotency_keys() {
        let longest = "k".repeat(255);
        for good in ["k", "a key with spaces", longest.as_str()] {
            let parsed = idempotency_key(&headers("idempotency-key", &[good.as_bytes()])).expect(good);
            assert_eq!(parsed.map(|key| key.to_string()), Some(good.to_owned()));
        }
        assert_eq!(idempotency_key(&HeaderMap::new()).expect("absent is fine"), None);
        let too_long = "k".repeat(256);
        for bad in
            [&[b"".as_slice()][..], &[b"a\tb"], &["ключ".as_bytes()], &[b"\xff"], &[too_long.as_bytes()], &[b"a", b"a"]]
        {
            let error = idempotency_key(&headers("idempotency-key", bad)).expect_err("bad");
            let Problem::InvalidRequest(errors) = error else { panic!("400") };
            assert_eq!(errors[0].field, "Idempotency-Key");
        }
    }

    #[test]
    fn traceparents() {
        let good = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert!(traceparent(&headers("traceparent", &[good])).is_some());
        for bad in [
            "",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
        ] {
            assert_eq!(traceparent(&headers("traceparent", &[bad.as_bytes()])), None, "{bad}");
        }
    }
}
