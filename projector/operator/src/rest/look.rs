//! One look at an address of a part, as it answers: status, date and body, whatever they are. Once, and within a limit: nothing is sent
//! again. It only asks by GET.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use reqwest::header::{ACCEPT, AUTHORIZATION, DATE, HeaderMap, HeaderValue};

use super::bearer::Bearer;
use super::client::{Client, header, read, words};
use super::error::{Doubt, RestError};
use super::secured::not_secured;

/// What was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Looked {
    pub status: u16,
    /// The answer's `Date`, as it was written.
    pub date: Option<String>,
    /// Which service it was (`X-Order-Service`).
    pub service: Option<String>,
    pub body: Vec<u8>,
    /// When it was asked, by our clock.
    pub sent: DateTime<Utc>,
    /// Until the headers of the answer were there.
    pub took: Duration,
}

impl Client {
    /// The key or token that it shows, for whoever must keep it out of a text.
    pub fn secret(&self) -> Option<&str> {
        self.bearer.as_ref().map(Bearer::expose)
    }

    /// Asks for `path`, whose segments are given.
    ///
    /// # Errors
    /// [`RestError`], where nothing was answered.
    pub async fn look(&self, path: &[&str], limit: Duration) -> Result<Looked, RestError> {
        let url = self.url.of(path, &[])?;
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json, text/plain"));
        headers.extend(self.bearer.as_ref().map(|bearer| (AUTHORIZATION, bearer.header())));
        let lost = |error: reqwest::Error| match not_secured(&error) {
            Some(cause) => RestError::NotSecured { url: self.url.to_string(), cause },
            None => RestError::Unreachable { url: self.url.to_string(), cause: words(&error), doubt: Doubt::None },
        };
        let (sent, begun) = (Utc::now(), Instant::now());
        let response = self.http.get(url).headers(headers).timeout(limit).send().await.map_err(lost)?;
        let took = begun.elapsed();
        let (status, date) = (response.status().as_u16(), header(&response, DATE.as_str()));
        let service = header(&response, "x-order-service");
        let body = read(response).await.map_err(lost)?;
        Ok(Looked { status, date, service, body, sent, took })
    }
}
