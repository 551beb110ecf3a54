//! The grammar of `text/event-stream` (HTML, "Server-sent events"), and nothing of a connection. Bytes come in any pieces; what goes out is
//! whole events. It must never hold more than [`MAX_EVENT_BYTES`].

use std::time::Duration;

use thiserror::Error;

/// Far above an outcome of a hundred lines.
pub(super) const MAX_EVENT_BYTES: usize = 1024 * 1024;

/// A message of the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Event {
    /// `message` where the stream names none.
    pub(super) kind: String,
    pub(super) data: String,
}

/// An event that is larger than any that the ledger has.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("an event of more than {MAX_EVENT_BYTES} bytes")]
pub(super) struct TooLarge;

/// What is read so far.
#[derive(Debug, Default)]
pub(super) struct Parser {
    line: Vec<u8>,
    /// The last byte was a carriage return: a line feed after it belongs to it.
    after_return: bool,
    kind: String,
    data: Option<String>,
    id: Option<String>,
    /// Of the last event that was whole: what a new connection goes on behind.
    last_id: Option<String>,
    retry: Option<Duration>,
}

impl Parser {
    pub(super) fn last_id(&self) -> Option<&str> {
        self.last_id.as_deref()
    }

    /// What the server asks to wait before a new connection.
    pub(super) fn retry(&self) -> Option<Duration> {
        self.retry
    }

    /// Forgets half an event, as a new connection begins; what was whole stays known.
    pub(super) fn reconnected(&mut self) {
        *self = Self { last_id: self.last_id.take(), retry: self.retry, ..Self::default() };
    }

    /// Takes bytes, gives the events that they end.
    ///
    /// # Errors
    /// [`TooLarge`]; the connection is of no use then.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Result<Vec<Event>, TooLarge> {
        let mut events = Vec::new();
        for byte in bytes {
            match byte {
                b'\n' if self.after_return => self.after_return = false,
                b'\n' | b'\r' => {
                    self.after_return = *byte == b'\r';
                    events.extend(self.end_line());
                }
                _ => {
                    self.after_return = false;
                    self.line.push(*byte);
                }
            }
            if self.line.len() + self.data.as_ref().map_or(0, String::len) > MAX_EVENT_BYTES {
                return Err(TooLarge);
            }
        }
        Ok(events)
    }

    fn end_line(&mut self) -> Option<Event> {
        let line = std::mem::take(&mut self.line);
        if line.is_empty() {
            return self.end_event();
        }
        let line = String::from_utf8_lossy(&line);
        let line = line.strip_prefix('\u{feff}').unwrap_or(&line);
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.kind),
            "data" => match &mut self.data {
                Some(data) => {
                    data.push('\n');
                    data.push_str(value);
                }
                None => self.data = Some(value.to_owned()),
            },
            "id" if !value.contains('\0') => self.id = Some(value.to_owned()),
            "retry" => self.retry = value.parse().ok().map(Duration::from_millis).or(self.retry),
            // A comment (its field is empty), or what a later stream may have.
            _ => {}
        }
        None
    }

    fn end_event(&mut self) -> Option<Event> {
        if let Some(id) = self.id.take() {
            self.last_id = Some(id).filter(|id| !id.is_empty());
        }
        let kind = std::mem::take(&mut self.kind);
        let data = self.data.take()?;
        Some(Event { kind: if kind.is_empty() { "message".to_owned() } else { kind }, data })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &str = "\u{feff}: hello\n\nevent: OrderHeld\r\ndata: {\"a\":\rdata:1}\nid: 7\n\n: heartbeat\n\nid: 8\n\nretry: 250\nunknown: x\ndata\n\nevent: lost\ndata: half";

    fn event(kind: &str, data: &str) -> Event {
        Event { kind: kind.to_owned(), data: data.to_owned() }
    }

    #[test]
    fn events_are_the_same_in_whatever_pieces_they_come() {
        let bytes = STREAM.as_bytes();
        for size in 1..=bytes.len() {
            let mut parser = Parser::default();
            let events: Vec<Event> = bytes.chunks(size).flat_map(|piece| parser.take(piece).expect("small")).collect();
            assert_eq!(events, [event("OrderHeld", "{\"a\":\n1}"), event("message", "")], "{size}");
            assert_eq!((parser.last_id(), parser.retry()), (Some("8"), Some(Duration::from_millis(250))));
            // Half an event is none, and does not run into the next connection.
            parser.reconnected();
            assert_eq!(parser.take(b"data: x\n\n"), Ok(vec![event("message", "x")]));
            assert_eq!(parser.last_id(), Some("8"));
        }
    }

    #[test]
    fn an_id_counts_once_its_event_is_whole() {
        let mut parser = Parser::default();
        parser.take(b"id: 1\ndata: a\n\nid: 2\ndata: b\n").expect("small");
        assert_eq!(parser.last_id(), Some("1"));
        parser.take(b"\nid\ndata: c\n\n").expect("small");
        assert_eq!(parser.last_id(), None);
    }

    #[test]
    fn what_never_ends_is_refused() {
        let mut parser = Parser::default();
        let line = [b"data: ".as_slice(), &[b'x'; 1000], b"\n"].concat();
        let ended = (0..2000).find_map(|_| parser.take(&line).err());
        assert_eq!(ended, Some(TooLarge));
        assert_eq!(Parser::default().take(&vec![b'x'; MAX_EVENT_BYTES + 1]), Err(TooLarge));
    }
}
