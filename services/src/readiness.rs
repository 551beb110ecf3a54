//! Whether the service can do its work: each server that it depends on is probed, bounded and at most once a second,
//! however many ask.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::Serialize;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};
use utoipa::ToSchema;

/// How long an answer is repeated.
const CACHED_FOR: Duration = Duration::from_secs(1);
/// Longest that one probe is waited for.
const PROBE_TIMEOUT: Duration = Duration::from_secs(2);

/// A server that requests need.
#[async_trait]
pub(crate) trait Dependency: Send + Sync {
    fn name(&self) -> &'static str;
    /// The error is for people: what is wrong, expected and found.
    async fn probe(&self) -> Result<(), String>;
}

/// One part of the answer of `/readyz`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PartReadiness {
    #[schema(value_type = String, example = "kafka")]
    pub(crate) name: &'static str,
    pub(crate) ready: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) detail: Option<String>,
}

/// The answer of `/readyz`.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReadinessReport {
    pub(crate) ready: bool,
    pub(crate) stopping: bool,
    pub(crate) parts: Vec<PartReadiness>,
}

pub(crate) struct Readiness {
    dependencies: Vec<Arc<dyn Dependency>>,
    cached_for: Duration,
    /// Held while probing, so that one probe serves all callers meanwhile.
    last: Mutex<Option<(Instant, Vec<PartReadiness>)>>,
}

impl Readiness {
    pub(crate) fn new(dependencies: Vec<Arc<dyn Dependency>>) -> Self {
        Self { dependencies, cached_for: CACHED_FOR, last: Mutex::new(None) }
    }

    pub(crate) async fn report(&self, stopping: bool) -> ReadinessReport {
        let mut last = self.last.lock().await;
        let parts = match &*last {
            Some((at, parts)) if at.elapsed() < self.cached_for => parts.clone(),
            _ => {
                let parts = self.probe_all().await;
                *last = Some((Instant::now(), parts.clone()));
                parts
            }
        };
        ReadinessReport { ready: !stopping && parts.iter().all(|part| part.ready), stopping, parts }
    }

    /// All at the same time, each in a task of its own, which outlives a client that goes away.
    async fn probe_all(&self) -> Vec<PartReadiness> {
        let probes: Vec<_> = self
            .dependencies
            .iter()
            .map(|dependency| {
                let dependency = dependency.clone();
                (dependency.name(), tokio::spawn(async move { dependency.probe().await }))
            })
            .collect();
        let mut parts = Vec::with_capacity(probes.len());
        for (name, probe) in probes {
            let detail = match timeout(PROBE_TIMEOUT, probe).await {
                Ok(Ok(Ok(()))) => None,
                Ok(Ok(Err(detail))) => Some(detail),
                Ok(Err(error)) => Some(error.to_string()),
                Err(_) => Some(format!("no answer within {} ms", PROBE_TIMEOUT.as_millis())),
            };
            parts.push(PartReadiness { name, ready: detail.is_none(), detail });
        }
        parts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[derive(Default)]
    struct Counting {
        probes: AtomicUsize,
    }

    #[async_trait]
    impl Dependency for Counting {
        fn name(&self) -> &'static str {
            "counting"
        }

        async fn probe(&self) -> Result<(), String> {
            let before = self.probes.fetch_add(1, Ordering::Relaxed);
            if before == 0 { Ok(()) } else { Err("away".to_owned()) }
        }
    }

    #[tokio::test]
    async fn an_answer_is_kept_for_its_time() {
        let counting = Arc::new(Counting::default());
        let mut readiness = Readiness::new(vec![counting.clone()]);
        readiness.cached_for = Duration::from_secs(3_600);
        assert!(readiness.report(false).await.ready);
        assert!(readiness.report(false).await.ready);
        assert!(!readiness.report(true).await.ready, "stopping is never cached");
        assert_eq!(counting.probes.load(Ordering::Relaxed), 1);
        readiness.cached_for = Duration::ZERO;
        let report = readiness.report(false).await;
        assert_eq!(report.parts[0].detail.as_deref(), Some("away"));
        assert!(!report.ready);
    }
}
