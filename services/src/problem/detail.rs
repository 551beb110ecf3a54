//! What a problem says to a person: its `detail`.
//!
//! It must never say more than is known, nor repeat a stranger's text that was not cut. Next: [`super::words`], which says what to do.

use ledger_schema::OrderReason;

use super::answer::{Case, Forbidden, Problem};
use crate::decision::{RefusedLine, Subject};

impl Problem {
    /// What happened, for a person.
    pub(super) fn detail(&self) -> String {
        match self {
            Self::InvalidRequest(errors) | Self::InvalidFields(errors) => {
                errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
            }
            Self::NotRouted(refusal) => refusal.detail(),
            Self::Denied(denied) => denied.detail(),
            Self::NotAllowed(what) => (*what).to_owned(),
            Self::NotFound(what) => what.clone(),
            Self::MethodNotAllowed => "the header Allow names the methods of this address".to_owned(),
            Self::RequestTimeout => "the body did not arrive in time".to_owned(),
            Self::BodyTooLarge(limit) => format!("a body has at most {limit} bytes"),
            Self::UnsupportedMediaType(found) => format!("expected Content-Type: application/json, found {found}"),
            Self::IdempotencyConflict(case) => {
                format!("another request with other contents was accepted under this id ({})", case.subject)
            }
            Self::KeyOfAnotherId { stated, by_key } => format!(
                "orderId: the Idempotency-Key gives order {by_key}, found {stated}; leave orderId out, or state that one"
            ),
            Self::Rejected { case, reason, refused, .. } => rejected(case, reason, refused),
            Self::Parked { case, reason } => {
                format!("{} could not be folded and was parked: {reason}", what(case))
            }
            Self::NotHeld(forbidden) => format!("{}, not held", standing(forbidden)),
            Self::NotCancellable(forbidden) => format!("{}, and cannot be cancelled", standing(forbidden)),
            Self::Unavailable { part, .. } => format!("{part} cannot be reached at the moment; nothing was changed"),
            Self::Refused { .. } => {
                "Kafka refuses what this service appends at the moment; nothing was changed, and /readyz says why"
                    .to_owned()
            }
            Self::TooManyStreams { what, most } => {
                format!("{most} streams {what} at this service, which takes no more; try again, or another service")
            }
            Self::RecordTooLarge { bytes, .. } => format!(
                "the log takes no record of {bytes} bytes, or not the batch that it was sent in; nothing was changed"
            ),
            Self::UnknownOutcome { case, .. } => {
                format!("whether {} was accepted is unknown; {}", case.subject, how_to_retry(case.subject))
            }
            Self::UnknownChange { order_id, .. } => format!(
                "whether what was asked of order {order_id} was accepted is unknown; send it again: it takes effect at most once"
            ),
            Self::NotYetProjected(position) => format!("the projection has not passed {position} yet"),
            Self::CatchingUp { partition, next_offset, furthest } => format!(
                "partition {partition} of the projection stands at offset {next_offset}, and was observed at {furthest} before; \
                 nothing was changed"
            ),
            Self::Panic => "a bug in this service; the request id is in its log".to_owned(),
        }
    }
}

/// `order ID of PRODUCT`; without the product for an order of several lines.
fn what(case: &Case) -> String {
    match &case.product_id {
        Some(product_id) => format!("{} of {product_id}", case.subject),
        None => case.subject.to_string(),
    }
}

fn rejected(case: &Case, reason: &str, refused: &[RefusedLine]) -> String {
    match OrderReason::from_word(reason) {
        Some(OrderReason::Cancelled) => return format!("{} was cancelled", case.subject),
        Some(OrderReason::Expired) => return format!("{} was held, and expired before it was confirmed", case.subject),
        _ => {}
    }
    let of_line = |line: &RefusedLine| format!("line {} ({}): {}", line.line_no, line.product_id, line.reason);
    match case.product_id {
        None => {
            let lines: Vec<_> = refused.iter().map(of_line).collect();
            format!("{} was rejected: {}", case.subject, lines.join("; "))
        }
        Some(_) => format!("{} was rejected: {reason}", what(case)),
    }
}

fn standing(forbidden: &Forbidden) -> String {
    let Forbidden { order_id, decision } = forbidden;
    match &decision.reason {
        Some(reason) if *reason != decision.status => format!("order {order_id} is {} ({reason})", decision.status),
        _ => format!("order {order_id} is {}", decision.status),
    }
}

fn how_to_retry(subject: Subject) -> String {
    match subject {
        Subject::Order(order_id) => {
            format!(
                "retry with the same Idempotency-Key, or with \"orderId\":\"{order_id}\": it takes effect at most once"
            )
        }
        Subject::Movement(_) => {
            "retry with the same Idempotency-Key; without one, compare the stock before you send it again".to_owned()
        }
    }
}
