//! A client of the REST interface, and what it was answered.
//!
//! It must never retry or judge an answer: the caller does. Read [`crate::ledger`] for whom it speaks to.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use ledger_tls::{ClientFiles, clear_client_config, client_config};
use reqwest::Method;
use serde_json::Value;

const REQUEST_LIMIT: Duration = Duration::from_secs(30);

/// One base address: a service or the gateway.
#[derive(Debug, Clone)]
pub struct Client {
    base: String,
    http: reqwest::Client,
}

/// Status, headers that tests look at, and the body as JSON (`Null` where it is none).
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    pub status: u16,
    pub service: Option<String>,
    pub location: Option<String>,
    pub retry_after: Option<String>,
    pub content_type: Option<String>,
    pub body: Value,
}

impl Answer {
    /// A member of the body as text; empty where there is none.
    pub fn text(&self, member: &str) -> &str {
        self.body[member].as_str().unwrap_or_default()
    }

    /// The last segment of a problem's `type`; empty where the body is no problem.
    pub fn problem(&self) -> &str {
        self.text("type").rsplit('/').next().unwrap_or_default()
    }
}

/// Of clients in the clear, that go to nobody else's proxy.
///
/// # Errors
/// When there can be none.
pub fn builder() -> Result<reqwest::ClientBuilder> {
    Ok(reqwest::Client::builder().tls_backend_preconfigured(clear_client_config()?).no_proxy())
}

impl Client {
    /// # Errors
    /// When the HTTP client cannot be made.
    pub fn new(address: impl std::fmt::Display) -> Result<Self> {
        let http = builder()?.timeout(REQUEST_LIMIT).build()?;
        Ok(Self { base: format!("http://{address}"), http })
    }

    /// By TLS, as `files` say.
    ///
    /// # Errors
    /// When the HTTP client cannot be made.
    pub fn secured(address: impl std::fmt::Display, files: &ClientFiles) -> Result<Self> {
        let tls = client_config(files)?;
        let http =
            reqwest::Client::builder().tls_backend_preconfigured(tls).timeout(REQUEST_LIMIT).no_proxy().build()?;
        Ok(Self { base: format!("https://{address}"), http })
    }

    /// # Errors
    /// When there was no answer at all.
    pub async fn get(&self, path: &str) -> Result<Answer> {
        self.send(Method::GET, path, &[], None).await
    }

    /// # Errors
    /// When there was no answer at all.
    pub async fn post(&self, path: &str, headers: &[(&str, &str)], body: &Value) -> Result<Answer> {
        let mut all = vec![("content-type", "application/json")];
        all.extend_from_slice(headers);
        self.send(Method::POST, path, &all, Some(body.to_string().into_bytes())).await
    }

    /// The body as text, such as metrics.
    ///
    /// # Errors
    /// When there was no answer, or none of success.
    pub async fn text(&self, path: &str) -> Result<String> {
        let response = self.http.get(format!("{}{path}", self.base)).send().await?.error_for_status()?;
        Ok(response.text().await?)
    }

    /// Any request, body as it is.
    ///
    /// # Errors
    /// When there was no answer at all.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Vec<u8>>,
    ) -> Result<Answer> {
        let mut request = self.http.request(method, format!("{}{path}", self.base));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.body(body);
        }
        let response = request.send().await.with_context(|| format!("no answer from {}{path}", self.base))?;
        let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let (service, location) = (header("x-order-service"), header("location"));
        let (retry_after, content_type) = (header("retry-after"), header("content-type"));
        let status = response.status().as_u16();
        let bytes = response.bytes().await.context("the body broke off")?;
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Ok(Answer { status, service, location, retry_after, content_type, body })
    }

    /// Books a receipt and waits until it counts.
    ///
    /// # Errors
    /// Unless it is answered 201.
    pub async fn receive(&self, product: &str, quantity: i64) -> Result<Answer> {
        let path = format!("/stock/{product}/receipts");
        let answer = self.post(&path, &[("prefer", "wait=20")], &serde_json::json!({ "quantity": quantity })).await?;
        ensure!(answer.status == 201, "a receipt of {quantity} {product} was answered {answer:?}");
        Ok(answer)
    }
}
