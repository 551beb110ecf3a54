//! Services and projector, where their addresses are given: whether they answer, are ready, are of this program's version, and what time they have.
//! Each address is asked a few times: behind a gateway another service may answer.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;

use super::clocks;
use super::finding::Sheet;
use crate::rest::{Client, Looked, RestError};

/// What answers at an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartKind {
    /// A service, or the gateway before several.
    Services,
    Projector,
}

impl PartKind {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Services => "services",
            Self::Projector => "projector",
        }
    }

    const fn flag(self) -> &'static str {
        match self {
            Self::Services => "--url (LEDGER_URL)",
            Self::Projector => "--projector-url (LEDGER_PROJECTOR_URL)",
        }
    }

    /// Where its version is told, to whom.
    const fn version_at(self) -> [&'static str; 1] {
        match self {
            Self::Services => ["openapi.json"],
            Self::Projector => ["metrics"],
        }
    }
}

/// A part that is asked.
#[derive(Debug, Clone)]
pub struct Part {
    pub kind: PartKind,
    pub client: Client,
}

/// How long one answer may take.
pub(crate) const ANSWER_LIMIT: Duration = Duration::from_secs(6);
/// A gateway passes each request to the next service.
const ASKED: usize = 4;
const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Longest that is quoted of an answer, in characters.
const QUOTED: usize = 300;

pub(super) async fn look(sheet: &Sheet, part: &Part) {
    let name = part.kind.name();
    let ready = match part.client.look(&["readyz"], ANSWER_LIMIT).await {
        Ok(looked) => looked,
        Err(error @ RestError::Unreachable { .. }) => {
            let advice = format!("see that it runs, and that {} names its address", part.kind.flag());
            return sheet.unreachable(name, error, advice);
        }
        Err(error) => {
            return sheet.wrong(
                name,
                error,
                format!("correct {}, --ca, --client-cert and --client-key", part.kind.flag()),
            );
        }
    };
    readiness(sheet, name, &ready);
    clocks::of_answer(sheet, name, ready.date.as_deref(), ready.sent, ready.took);
    let mut seen = BTreeSet::new();
    for _ in 0..ASKED {
        match part.client.look(&part.kind.version_at(), ANSWER_LIMIT).await {
            Ok(looked) => {
                let who =
                    looked.service.as_ref().map_or(name.to_owned(), |service| format!("{name}, service {service}"));
                if seen.insert(who.clone()) {
                    version(sheet, &format!("version of the {who}"), &looked);
                }
            }
            Err(error) => return sheet.skip(format!("version of the {name}"), error),
        }
    }
}

fn readiness(sheet: &Sheet, name: &str, looked: &Looked) {
    let what = format!("readiness of the {name}");
    match looked.status {
        200 => sheet.fine(what, "ready"),
        status => {
            let advice = "what it says is what to mend; it takes up its work again by itself";
            sheet.wrong(what, format!("{status}: {}", reasons(&looked.body)), advice);
        }
    }
}

/// The reasons of an answer where it gives any, else its beginning.
fn reasons(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let quoted = || text.chars().take(QUOTED).collect::<String>();
    let Ok(json) = serde_json::from_slice::<Value>(body) else { return quoted() };
    match json["reasons"].as_array() {
        Some(reasons) if !reasons.is_empty() => reasons
            .iter()
            .map(|reason| reason.as_str().map_or_else(|| reason.to_string(), str::to_owned))
            .collect::<Vec<_>>()
            .join("; "),
        _ => quoted(),
    }
}

fn version(sheet: &Sheet, what: &str, looked: &Looked) {
    match (looked.status, version_in(&looked.body)) {
        (200, Some(found)) if found == VERSION => sheet.fine(what, found),
        (200, Some(found)) => {
            sheet.warn(
                what,
                format!("{found}; this program is {VERSION}"),
                "run the same version of all parts: the release notes say which may be mixed",
            );
        }
        (200, None) => sheet.skip(what, "it tells none: it is older than this program, or something else answers"),
        (401 | 403, _) => sheet.skip(what, "a reader's key is needed: --key (LEDGER_KEY)"),
        (status, _) => sheet.skip(what, format!("it answers {status}")),
    }
}

/// Of an `OpenAPI` document, or of the metric that says it.
fn version_in(body: &[u8]) -> Option<String> {
    if let Ok(document) = serde_json::from_slice::<Value>(body) {
        return document["info"]["version"].as_str().map(str::to_owned);
    }
    let text = String::from_utf8_lossy(body);
    let line = text.lines().find(|line| line.starts_with("ledger_build_info{"))?;
    let (_, rest) = line.split_once("version=\"")?;
    rest.split_once('"').map(|(version, _)| version.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::{Area, Verdict};

    fn answer(status: u16, body: &str) -> Looked {
        Looked {
            status,
            date: None,
            service: None,
            body: body.as_bytes().to_vec(),
            sent: chrono::DateTime::UNIX_EPOCH,
            took: Duration::ZERO,
        }
    }

    #[test]
    fn versions_are_compared_where_they_are_told() {
        let own = format!(r#"{{"info":{{"version":"{VERSION}"}}}}"#);
        let metric = format!("# HELP x\nledger_build_info{{version=\"{VERSION}\"}} 1\n");
        for (status, body, verdict) in [
            (200, own.as_str(), Verdict::Fine),
            (200, metric.as_str(), Verdict::Fine),
            (200, "ledger_build_info{fold_version=\"1\",version=\"9.9.9\"} 1", Verdict::Warning),
            (200, "ledger_up 1", Verdict::NotLookedAt),
            (401, "{}", Verdict::NotLookedAt),
            (503, "", Verdict::NotLookedAt),
        ] {
            let sheet = Sheet::new(Area::Parts);
            version(&sheet, "version", &answer(status, body));
            assert_eq!(sheet.findings()[0].verdict, verdict, "{status} {body}");
        }
    }

    #[test]
    fn who_is_not_ready_says_why() {
        let sheet = Sheet::new(Area::Parts);
        readiness(&sheet, "projector", &answer(503, r#"{"ready":false,"reasons":["Kafka is away","disk full"]}"#));
        readiness(&sheet, "projector", &answer(200, "{}"));
        let findings = sheet.findings();
        assert_eq!((findings[0].verdict, findings[1].verdict), (Verdict::Wrong, Verdict::Fine));
        assert_eq!(findings[0].found, "503: Kafka is away; disk full");
    }
}
