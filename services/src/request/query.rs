//! Query strings: known parameters, each at most once; anything else is a 400 that names it, because a misspelt
//! parameter that is ignored gives a wrong answer without a sign.

use std::borrow::Cow;

use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;
use ledger_schema::{OrderId, Position, ProductId, UserId, Violation};

use super::limits::RequestLimits;
use crate::list_cursor::Cursor;
use crate::problem::Problem;
use crate::streams::{EVENT_TYPES, Filter, Shown};

/// Items of a page: default and most.
pub(crate) const DEFAULT_LIMIT: u16 = 50;
pub(crate) const MAX_LIMIT: u16 = 200;
const MAX_ECHO_CHARS: usize = 64;

/// No parameters at all.
#[derive(Debug)]
pub(crate) struct NoQuery;

/// `?after=PARTITION:OFFSET`, its partition within the topic's count.
#[derive(Debug)]
pub(crate) struct After(pub(crate) Option<Position>);

/// `?limit=&cursor=`.
#[derive(Debug)]
pub(crate) struct Page<C> {
    pub(crate) limit: u16,
    pub(crate) cursor: Option<C>,
}

/// `?product=&user=&order=&type=`: which outcomes a stream shows.
#[derive(Debug)]
pub(crate) struct OutcomesFilter(pub(crate) Filter);

/// `?product=`: of which product a stream shows the changes of stock.
#[derive(Debug)]
pub(crate) struct StockFilter(pub(crate) Filter);

/// The values of the `known` parameters, in their order.
fn parameters<'a, const N: usize>(query: &'a str, known: [&str; N]) -> Result<[Option<Cow<'a, str>>; N], Problem> {
    let mut values = [const { None }; N];
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let Some(at) = known.iter().position(|known| *known == name) else {
            let name: String = name.chars().take(MAX_ECHO_CHARS).collect();
            return Err(Problem::invalid(name, "is not a parameter of this address"));
        };
        if values[at].replace(value).is_some() {
            return Err(Problem::invalid(known[at].to_owned(), "stands more than once"));
        }
    }
    Ok(values)
}

/// An address without a query has one without parameters.
fn query_of(parts: &Parts) -> &str {
    parts.uri.query().unwrap_or("")
}

fn parse_limit(text: &str) -> Result<u16, Problem> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number
        .then(|| text.parse().ok())
        .flatten()
        .filter(|limit| (1..=MAX_LIMIT).contains(limit))
        .ok_or_else(|| Problem::invalid("limit", format!("must be an integer from 1 to {MAX_LIMIT}")))
}

fn parse_after(text: &str, partition_count: i32) -> Result<Position, Problem> {
    let position: Position = text.parse().map_err(|error| Problem::invalid("after", format!("{error}")))?;
    if position.to_string() != text {
        return Err(Problem::invalid("after", format!("must be {position}, without leading zeros")));
    }
    if position.partition < partition_count {
        Ok(position)
    } else {
        let last = partition_count - 1;
        Err(Problem::invalid("after", format!("must have a partition from 0 to {last}, found {}", position.partition)))
    }
}

/// An id, as its type writes it.
fn parse_id<T: ToString>(
    name: &'static str,
    text: Option<Cow<'_, str>>,
    parse: impl Fn(&str) -> Result<T, Violation>,
) -> Result<Option<String>, Problem> {
    let parsed = text.map(|text| parse(&text)).transpose();
    let id = parsed.map_err(|violation| Problem::invalid(name, violation.to_string()))?;
    Ok(id.map(|id| id.to_string()))
}

fn parse_types(text: Option<Cow<'_, str>>) -> Result<Vec<&'static str>, Problem> {
    let Some(text) = text else { return Ok(Vec::new()) };
    let known = |word: &str| EVENT_TYPES.into_iter().find(|known| *known == word);
    let types: Option<Vec<_>> = text.split(',').map(known).collect();
    types.ok_or_else(|| {
        Problem::invalid("type", format!("must be of {}, comma separated for several", EVENT_TYPES.join(", ")))
    })
}

impl<S: Send + Sync> FromRequestParts<S> for OutcomesFilter {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let [product, user, order, types] = parameters(query_of(parts), ["product", "user", "order", "type"])?;
        Ok(Self(Filter {
            shown: Shown::Outcomes { types: parse_types(types)? },
            product: parse_id("product", product, ProductId::parse)?,
            user: parse_id("user", user, UserId::parse)?,
            order: parse_id("order", order, OrderId::parse)?,
        }))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for StockFilter {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let [product] = parameters(query_of(parts), ["product"])?;
        let product = parse_id("product", product, ProductId::parse)?;
        Ok(Self(Filter { shown: Shown::Stock, product, user: None, order: None }))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for NoQuery {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parameters(query_of(parts), []).map(|[]| Self)
    }
}

impl<S> FromRequestParts<S> for After
where
    RequestLimits: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let [after] = parameters(query_of(parts), ["after"])?;
        let limits = RequestLimits::from_ref(state);
        after.map(|after| parse_after(&after, limits.partition_count)).transpose().map(Self)
    }
}

impl<C: Cursor, S: Send + Sync> FromRequestParts<S> for Page<C> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let [limit, cursor] = parameters(query_of(parts), ["limit", "cursor"])?;
        let limit = limit.map_or(Ok(DEFAULT_LIMIT), |limit| parse_limit(&limit))?;
        let cursor = cursor
            .map(|text| C::decode(&text).ok_or_else(|| Problem::invalid("cursor", "is not a cursor of this list")))
            .transpose()?;
        Ok(Self { limit, cursor })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits() {
        for (text, limit) in [("1", Some(1)), ("200", Some(200)), ("0", None), ("201", None), ("99999999", None)] {
            assert_eq!(parse_limit(text).ok(), limit, "{text}");
        }
        for bad in ["", "-1", "+1", "1.0", "x", " 1"] {
            assert!(parse_limit(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn positions() {
        assert_eq!(parse_after("7:9223372036854775807", 8).ok(), Some(Position { partition: 7, offset: i64::MAX }));
        for bad in ["", "x", "8:0", "1", "1:", "-1:0", "1:-1", "1:9223372036854775808", "01:2", "1:02", "0:00"] {
            let Err(Problem::InvalidRequest(errors)) = parse_after(bad, 8) else { panic!("{bad}") };
            assert_eq!(errors[0].field, "after");
        }
    }

    #[test]
    fn types() {
        assert_eq!(parse_types(None).ok(), Some(vec![]));
        assert_eq!(parse_types(Some("OrderHeld,StockChanged".into())).ok(), Some(vec!["OrderHeld", "StockChanged"]));
        for bad in ["", "OrderHeld,", "orderheld", "OrderMelted", "OrderHeld, StockChanged"] {
            let Err(Problem::InvalidRequest(errors)) = parse_types(Some(bad.into())) else { panic!("{bad}") };
            assert!(errors[0].field == "type" && errors[0].message.contains("AdjustmentRejected"), "{errors:?}");
        }
    }

    #[test]
    fn unknown_and_repeated_parameters_are_refused() {
        assert!(parameters("", ["limit"]).is_ok());
        assert!(parameters("limit=1&", ["limit"]).is_ok());
        for bad in ["limt=1", "limit=1&limit=2", "x", "=1", "Limit=1"] {
            assert!(parameters(bad, ["limit"]).is_err(), "{bad}");
        }
    }
}
