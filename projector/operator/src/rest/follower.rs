//! A stream of the services that is followed over connections: each goes on behind the last event that was whole (`Last-Event-ID`), on
//! whichever service it lands. It must never take a silent connection for a quiet stream: heartbeats come every 15 s, so one that says
//! nothing for three of them is given up.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use reqwest::Response;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use tokio::time::timeout;

use super::client::{Client, header, not_the_ledger, read, words};
use super::error::{Doubt, RestError};
use super::event_stream::{Event, Parser};
use super::problem::{Problem, is_passing};
use super::secured::not_secured;

const SILENCE_LIMIT: Duration = Duration::from_secs(45);
/// Until the headers of a stream are there.
const OPENING_LIMIT: Duration = Duration::from_secs(20);
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(3);

/// What is heard of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Heard {
    /// A connection is there: what is read from now on is no older than what the stream goes on from.
    Connected,
    Event(Event),
}

pub(super) struct Follower<'a> {
    client: &'a Client,
    path: Vec<&'a str>,
    query: Vec<(&'a str, String)>,
    parser: Parser,
    response: Option<Response>,
    ready: VecDeque<Event>,
    /// When the stream was last heard of, and the pause before the next try.
    heard_at: Instant,
    pause: Duration,
}

impl<'a> Follower<'a> {
    /// It does not connect yet.
    pub(super) fn new(client: &'a Client, path: Vec<&'a str>, query: Vec<(&'a str, String)>) -> Self {
        let (parser, ready, heard_at) = (Parser::default(), VecDeque::new(), Instant::now());
        Self { client, path, query, parser, response: None, ready, heard_at, pause: FIRST_PAUSE }
    }

    /// The next event, or that a connection was made; waits for as long as the stream lives, and connects anew whenever it ends.
    ///
    /// # Errors
    /// [`RestError`]: it is refused for good, or could not be connected for as long as the client's retries last.
    pub(super) async fn next(&mut self) -> Result<Heard, RestError> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(Heard::Event(event));
            }
            let Some(response) = &mut self.response else {
                self.connect().await?;
                return Ok(Heard::Connected);
            };
            let ended = match timeout(SILENCE_LIMIT, response.chunk()).await {
                Ok(Ok(Some(bytes))) => {
                    (self.heard_at, self.pause) = (Instant::now(), FIRST_PAUSE);
                    match self.parser.take(&bytes) {
                        Ok(events) => {
                            self.ready.extend(events);
                            continue;
                        }
                        Err(error) => error.to_string(),
                    }
                }
                Ok(Ok(None)) => "the server ended the stream".to_owned(),
                Ok(Err(error)) => words(&error),
                Err(_) => format!("nothing was heard for {} s", SILENCE_LIMIT.as_secs()),
            };
            tracing::info!("{ended}; connecting again");
            self.response = None;
            self.heard_at = Instant::now();
            self.wait().await;
        }
    }

    async fn connect(&mut self) -> Result<(), RestError> {
        loop {
            let failure = match self.open().await {
                Ok(response) => {
                    self.parser.reconnected();
                    self.response = Some(response);
                    return Ok(());
                }
                Err(failure) => failure,
            };
            if !failure.is_unreachable() || self.heard_at.elapsed() > self.client.waits.retries {
                return Err(failure);
            }
            tracing::warn!("{failure}; connecting again");
            self.wait().await;
        }
    }

    async fn wait(&mut self) {
        tokio::time::sleep(self.parser.retry().unwrap_or(self.pause).clamp(self.pause, LONGEST_PAUSE)).await;
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
    }

    async fn open(&self) -> Result<Response, RestError> {
        let url = self.client.url.of(&self.path, &self.query)?;
        let mut request = self.client.http.get(url.clone()).header(ACCEPT, "text/event-stream");
        if let Some(bearer) = &self.client.bearer {
            request = request.header(AUTHORIZATION, bearer.header());
        }
        if let Some(id) = self.parser.last_id() {
            request = request.header("last-event-id", id);
        }
        let lost =
            |cause: String| RestError::Unreachable { url: self.client.url.to_string(), cause, doubt: Doubt::None };
        let response = match timeout(OPENING_LIMIT, request.send()).await {
            Ok(sent) => sent.map_err(|error| match not_secured(&error) {
                Some(cause) => RestError::NotSecured { url: self.client.url.to_string(), cause },
                None => lost(words(&error)),
            })?,
            Err(_) => return Err(lost("nothing came in time".to_owned())),
        };
        let status = response.status().as_u16();
        let is_stream =
            header(&response, CONTENT_TYPE.as_str()).is_some_and(|found| found.starts_with("text/event-stream"));
        if status == 200 && is_stream {
            return Ok(response);
        }
        let body = match timeout(OPENING_LIMIT, read(response)).await {
            Ok(read) => read.map_err(|error| lost(words(&error)))?,
            Err(_) => return Err(lost("nothing came in time".to_owned())),
        };
        let document = serde_json::from_slice(&body).unwrap_or_default();
        Err(match Problem::of(status, &document) {
            Some(problem) => RestError::Refused { problem: Box::new(problem), doubt: Doubt::None },
            // A proxy's own page while what is behind it is away.
            None if is_passing(status) => lost(format!("it answered {status}")),
            None => not_the_ledger(&url, status, &body),
        })
    }
}
