//! The body of a POST as bytes: JSON by its media type, at most 64 KiB, arriving within a time limit.
//!
//! A longer body is never read into memory; what is left of it when the answer is made is `ledger-http`'s to read or to cut off.

use axum::body::Body;
use axum::extract::{FromRef, FromRequest, Request};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use tokio::time::timeout;

use super::limits::RequestLimits;
use crate::problem::Problem;

/// Largest body, in bytes.
const MAX_BODY_BYTES: usize = 64 * 1024;

/// The bytes of a JSON body, not parsed yet.
pub(crate) struct JsonBody(pub(crate) Bytes);

impl<S> FromRequest<S> for JsonBody
where
    RequestLimits: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        check_media_type(&parts.headers)?;
        bytes_of(&parts.headers, body, RequestLimits::from_ref(state)).await.map(Self)
    }
}

/// The bytes of a JSON body that may be left out, not parsed yet. Of none there is no media type.
pub(crate) struct OptionalBody(pub(crate) Bytes);

impl<S> FromRequest<S> for OptionalBody
where
    RequestLimits: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let bytes = bytes_of(&parts.headers, body, RequestLimits::from_ref(state)).await?;
        if !bytes.is_empty() {
            check_media_type(&parts.headers)?;
        }
        Ok(Self(bytes))
    }
}

async fn bytes_of(headers: &HeaderMap, body: Body, limits: RequestLimits) -> Result<Bytes, Problem> {
    if declared_length(headers).is_some_and(|length| length > MAX_BODY_BYTES as u64) {
        return Err(Problem::BodyTooLarge(MAX_BODY_BYTES));
    }
    timeout(limits.body_timeout, read(body)).await.unwrap_or(Err(Problem::RequestTimeout))
}

fn declared_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

async fn read(mut body: Body) -> Result<Bytes, Problem> {
    let mut first = Bytes::new();
    let mut all = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Problem::invalid("body", "ended before its stated length"))?;
        let Ok(data) = frame.into_data() else { continue };
        if first.len().max(all.len()) + data.len() > MAX_BODY_BYTES {
            return Err(Problem::BodyTooLarge(MAX_BODY_BYTES));
        }
        // Nearly every body is one frame, and then is not copied.
        if first.is_empty() && all.is_empty() {
            first = data;
        } else {
            if all.is_empty() {
                all.extend_from_slice(&first);
            }
            all.extend_from_slice(&data);
        }
    }
    Ok(if all.is_empty() { first } else { all.freeze() })
}

/// `application/json`, with any parameters but a charset other than UTF-8, and no content encoding.
fn check_media_type(headers: &HeaderMap) -> Result<(), Problem> {
    let mut values = headers.get_all(CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        let found = if headers.contains_key(CONTENT_TYPE) { "several" } else { "none" };
        return Err(Problem::UnsupportedMediaType(found.to_owned()));
    };
    let text = value.to_str().unwrap_or("a value that is not ASCII");
    if !is_json(text) {
        return Err(Problem::UnsupportedMediaType(text.chars().take(100).collect()));
    }
    match headers.get(CONTENT_ENCODING) {
        Some(encoding) if !encoding.as_bytes().eq_ignore_ascii_case(b"identity") => {
            Err(Problem::UnsupportedMediaType("a content encoding".to_owned()))
        }
        _ => Ok(()),
    }
}

fn is_json(content_type: &str) -> bool {
    let mut parts = content_type.split(';').map(str::trim);
    let essence = parts.next().expect("a text that is split has a first part");
    essence.eq_ignore_ascii_case("application/json")
        && parts.all(|parameter| {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            !name.trim().eq_ignore_ascii_case("charset") || value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn media_types() {
        for (content_type, good) in [
            ("application/json", true),
            ("Application/JSON; charset=UTF-8", true),
            ("application/json;charset=\"utf-8\"", true),
            ("application/json; profile=x", true),
            ("application/json; charset=latin1", false),
            ("text/plain", false),
            ("application/vnd.order+json", false),
            ("application/jsonx", false),
            ("", false),
        ] {
            let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(content_type))]);
            assert_eq!(check_media_type(&headers).is_ok(), good, "{content_type}");
        }
        assert!(check_media_type(&HeaderMap::new()).is_err(), "none at all");
        let mut encoded = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
        encoded.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        assert!(check_media_type(&encoded).is_err());
    }

    #[tokio::test]
    async fn exactly_the_limit_passes() {
        for (length, good) in [(0, true), (1, true), (MAX_BODY_BYTES, true), (MAX_BODY_BYTES + 1, false)] {
            let read = read(Body::from(vec![b'x'; length])).await;
            assert_eq!(read.map(|bytes| bytes.len()).ok(), good.then_some(length));
        }
    }
}
