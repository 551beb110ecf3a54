//! A blocking HTTP client for probes and samples: a status that is an error is an answer, not a
//! fault; no proxy, no redirects, no TLS.
//!
//! It must never retry: [`crate::probe`] and [`crate::samples`] do.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;
use ureq::Agent;
use ureq::http::Response;

/// An answer, whatever its status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body as text.
    pub body: String,
}

impl Answer {
    /// The first header of that name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// When it is not JSON; the message shows the status and the body.
    pub fn json(&self) -> Result<Value> {
        serde_json::from_str(&self.body).with_context(|| format!("status {}, not JSON: {:?}", self.status, self.body))
    }
}

/// The client.
#[derive(Debug, Clone)]
pub struct HttpClient {
    agent: Agent,
}

impl HttpClient {
    /// A client whose calls take at most `limit` each.
    #[must_use]
    pub fn new(limit: Duration) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .timeout_global(Some(limit))
            .build();
        Self { agent: config.into() }
    }

    /// GET.
    ///
    /// # Errors
    /// When there is no answer.
    pub fn get(&self, url: &str) -> Result<Answer> {
        let response = self.agent.get(url).call().with_context(|| format!("GET {url}"))?;
        read(response).with_context(|| format!("GET {url}"))
    }

    /// POST of JSON with further headers.
    ///
    /// # Errors
    /// When there is no answer.
    pub fn post(&self, url: &str, headers: &[(&str, &str)], body: &Value) -> Result<Answer> {
        let mut request = self.agent.post(url).header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send(body.to_string()).with_context(|| format!("POST {url}"))?;
        read(response).with_context(|| format!("POST {url}"))
    }
}

fn read(mut response: Response<ureq::Body>) -> Result<Answer> {
    let status = response.status().as_u16();
    let mut headers = Vec::new();
    for (name, value) in response.headers() {
        let Ok(value) = value.to_str() else { bail!("header {name} is not text") };
        headers.push((name.as_str().to_owned(), value.to_owned()));
    }
    let body = response.body_mut().read_to_string()?;
    Ok(Answer { status, headers, body })
}
