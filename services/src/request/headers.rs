//! The headers that a POST may carry: `Idempotency-Key`, `Prefer`, and where its trace comes from ([`crate::trace_context`]); and that of a
//! stream, `Last-Event-ID`.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};
use ledger_schema::IdempotencyKey;

use super::limits::RequestLimits;
use super::prefer;
use crate::problem::Problem;
use crate::streams::Token;
use crate::trace_context::TraceContext;

const IDEMPOTENCY_KEY: &str = "Idempotency-Key";
const LAST_EVENT_ID: &str = "Last-Event-ID";

/// `Last-Event-ID`: where a stream goes on. An empty one is as none, as the form of streams has it.
#[derive(Debug)]
pub(crate) struct LastEventId(pub(crate) Option<Token>);

impl<S: Send + Sync> FromRequestParts<S> for LastEventId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        last_event_id(&parts.headers).map(Self)
    }
}

fn last_event_id(headers: &HeaderMap) -> Result<Option<Token>, Problem> {
    let mut values = headers.get_all(LAST_EVENT_ID).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Problem::invalid(LAST_EVENT_ID, "stands more than once"));
    }
    if value.is_empty() {
        return Ok(None);
    }
    let token = value.to_str().ok().and_then(Token::decode);
    let expected = "must be the id of an event of this address, as it came; leave it out to begin with now";
    token.map(Some).ok_or_else(|| Problem::invalid(LAST_EVENT_ID, expected))
}

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
    /// To travel with the event.
    pub(crate) trace: Option<TraceContext>,
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
        Ok(Self { idempotency_key, preference, trace: TraceContext::of(&parts.headers) })
    }
}

/// What a confirmation or a cancellation says beside its body. A key says nothing there: the order's id is in the path, and what
/// is asked takes effect at most once.
#[derive(Debug)]
pub(crate) struct ChangeHeaders {
    pub(crate) preference: Preference,
    /// To travel with the event.
    pub(crate) trace: Option<TraceContext>,
}

impl<S> FromRequestParts<S> for ChangeHeaders
where
    RequestLimits: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let Ok(preference) = Preference::from_request_parts(parts, state).await;
        Ok(Self { preference, trace: TraceContext::of(&parts.headers) })
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
    fn last_event_ids() {
        assert_eq!(last_event_id(&HeaderMap::new()).expect("absent is fine"), None);
        assert_eq!(last_event_id(&headers("last-event-id", &[b""])).expect("empty is fine"), None);
        for bad in [&[b"7".as_slice()][..], &[b"0-3-0"], &[b"\xff"], &[b"a", b"a"]] {
            let error = last_event_id(&headers("last-event-id", bad)).expect_err("bad");
            let Problem::InvalidRequest(errors) = error else { panic!("400") };
            assert_eq!(errors[0].field, "Last-Event-ID");
        }
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
}
