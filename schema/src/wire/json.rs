//! JSON of the log, read by a grammar of our own: which bytes are JSON decides which records are parked, so no library may
//! decide it (INV-4: the same log gives the same rows, whatever was updated in between). A change here is a new fold version.
//!
//! The grammar is RFC 8259, no more: no comments, no trailing commas, no byte order mark, nothing after the value but
//! space. Where the RFC leaves room:
//! - Nesting has no limit (the size has: [`super::MAX_EVENT_BYTES`]), and is read without recursion.
//! - A name may be written with escapes and is compared unescaped. Names of the outermost object must be Unicode.
//! - The value of a name that no event has is checked for its structure alone: text in it may be bytes that are no UTF-8, or an escaped half
//!   of a surrogate pair, and a number may be of any size.
//! - Members that appear twice are left to the caller, which sees both.
//!
//! It must never allocate for an event as the services write it: values are slices of the record.
//! Next: [`super::members`], which takes the members that events have.

use super::text::{TextFault, meaning};

/// Where the bytes stop being JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NotJson {
    /// Of the first byte that does not fit, counted from 0; the length where the end came too early.
    pub(super) at: usize,
    pub(super) expected: &'static str,
}

/// One value, unread: only its extent is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Value<'a> {
    /// What stands between the quotes, and whether it has escapes.
    Text {
        source: &'a [u8],
        escaped: bool,
    },
    /// As it is written.
    Number(&'a [u8]),
    True,
    False,
    Null,
    /// From its opening bracket to its closing one.
    Array(&'a [u8]),
    /// From its opening brace to its closing one.
    Object(&'a [u8]),
}

/// Reads all of `bytes` as one JSON value. Where that is an object, `visit` gets its members in their order.
///
/// # Errors
/// [`NotJson`]. Some members may have been visited by then.
pub(super) fn read<'a>(bytes: &'a [u8], mut visit: impl FnMut(&str, Value<'a>)) -> Result<Value<'a>, NotJson> {
    let mut reader = Reader { bytes, at: 0 };
    let value = if reader.next_after_space() == Some(b'{') {
        let begins = reader.at;
        reader.object(&mut visit)?;
        Value::Object(&bytes[begins..reader.at])
    } else {
        reader.value()?
    };
    match reader.next_after_space() {
        None => Ok(value),
        Some(_) => Err(reader.expected("the end of the value")),
    }
}

/// The elements of an array, in their order. `array` is what a [`Value::Array`] holds, so it was read before.
pub(super) fn elements<'a>(array: &'a [u8], mut visit: impl FnMut(Value<'a>)) {
    const READ_BEFORE: &str = "the array was read before";
    let mut reader = Reader { bytes: array, at: 1 };
    if reader.next_after_space() == Some(b']') {
        return;
    }
    loop {
        visit(reader.value().expect(READ_BEFORE));
        match reader.next_after_space() {
            Some(b',') => reader.at += 1,
            Some(b']') => return,
            _ => unreachable!("{READ_BEFORE}"),
        }
        reader.next_after_space();
    }
}

/// The bytes that stand for themselves inside quotes.
const PLAIN: [bool; 256] = {
    let mut plain = [true; 256];
    let mut byte = 0;
    while byte < 0x20 {
        plain[byte] = false;
        byte += 1;
    }
    plain[b'"' as usize] = false;
    plain[b'\\' as usize] = false;
    plain
};

struct Reader<'a> {
    bytes: &'a [u8],
    /// Of the next byte.
    at: usize,
}

impl<'a> Reader<'a> {
    fn expected(&self, expected: &'static str) -> NotJson {
        NotJson { at: self.at, expected }
    }

    fn next(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn next_after_space(&mut self) -> Option<u8> {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.next() {
            self.at += 1;
        }
        self.next()
    }

    /// Takes `byte` if it is next.
    fn take(&mut self, byte: u8) -> bool {
        let is_next = self.next() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    /// The outermost object; its opening brace is next.
    fn object(&mut self, visit: &mut impl FnMut(&str, Value<'a>)) -> Result<(), NotJson> {
        self.at += 1;
        if self.next_after_space() == Some(b'}') {
            self.at += 1;
            return Ok(());
        }
        loop {
            // Of the first character of the name, after its quote.
            let begins = self.at + 1;
            let (source, escaped) = self.name()?;
            let name = meaning(source, escaped).map_err(|fault| NotJson { at: begins, expected: name_must(fault) })?;
            self.next_after_space();
            let value = self.value()?;
            visit(&name, value);
            match self.next_after_space() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return Ok(());
                }
                _ => return Err(self.expected("`,` or `}`")),
            }
            self.next_after_space();
        }
    }

    /// A member's name with its colon.
    fn name(&mut self) -> Result<(&'a [u8], bool), NotJson> {
        if self.next_after_space() != Some(b'"') {
            return Err(self.expected("a member's name in quotes"));
        }
        let name = self.text()?;
        if self.next_after_space() != Some(b':') {
            return Err(self.expected("`:`"));
        }
        self.at += 1;
        Ok(name)
    }

    /// A value; its first byte is next.
    fn value(&mut self) -> Result<Value<'a>, NotJson> {
        match self.next() {
            Some(b'"') => self.text().map(|(source, escaped)| Value::Text { source, escaped }),
            Some(b'-' | b'0'..=b'9') => self.number().map(Value::Number),
            Some(b'[') => self.skip_nested().map(Value::Array),
            Some(b'{') => self.skip_nested().map(Value::Object),
            Some(b't') => self.word(b"true", Value::True),
            Some(b'f') => self.word(b"false", Value::False),
            Some(b'n') => self.word(b"null", Value::Null),
            _ => Err(self.expected("a value")),
        }
    }

    fn word(&mut self, word: &[u8], value: Value<'a>) -> Result<Value<'a>, NotJson> {
        if !self.bytes[self.at..].starts_with(word) {
            return Err(self.expected("a value"));
        }
        self.at += word.len();
        Ok(value)
    }

    /// Text; its opening quote is next. What stands between the quotes, and whether it has escapes.
    fn text(&mut self) -> Result<(&'a [u8], bool), NotJson> {
        self.at += 1;
        let begins = self.at;
        let mut escaped = false;
        loop {
            self.at += self.bytes[self.at..].iter().take_while(|byte| PLAIN[usize::from(**byte)]).count();
            match self.next() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok((&self.bytes[begins..self.at - 1], escaped));
                }
                Some(b'\\') => {
                    escaped = true;
                    self.escape()?;
                }
                Some(_) => return Err(self.expected("text without control characters")),
                None => return Err(self.expected("a closing quote")),
            }
        }
    }

    /// An escape; its backslash is next.
    fn escape(&mut self) -> Result<(), NotJson> {
        self.at += 1;
        match self.next() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 1,
            Some(b'u') => {
                self.at += 1;
                for _digit in 0..4 {
                    if !self.next().is_some_and(|byte| byte.is_ascii_hexdigit()) {
                        return Err(self.expected("four hexadecimal digits"));
                    }
                    self.at += 1;
                }
            }
            _ => return Err(self.expected("an escape that JSON has")),
        }
        Ok(())
    }

    /// A number; its first byte is next.
    fn number(&mut self) -> Result<&'a [u8], NotJson> {
        let begins = self.at;
        let _sign = self.take(b'-');
        if !self.take(b'0') {
            self.digits()?;
        } else if self.next().is_some_and(|byte| byte.is_ascii_digit()) {
            return Err(self.expected("a number without leading zeros"));
        }
        if self.take(b'.') {
            self.digits()?;
        }
        if self.take(b'e') || self.take(b'E') {
            let _sign = self.take(b'+') || self.take(b'-');
            self.digits()?;
        }
        Ok(&self.bytes[begins..self.at])
    }

    /// One digit or more.
    fn digits(&mut self) -> Result<(), NotJson> {
        let length = self.bytes[self.at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        if length == 0 {
            return Err(self.expected("a digit"));
        }
        self.at += length;
        Ok(())
    }

    /// An array or an object; its bracket is next. Without recursion: brackets alone must not end the process.
    fn skip_nested(&mut self) -> Result<&'a [u8], NotJson> {
        let begins = self.at;
        let mut open = Vec::new();
        loop {
            // A value begins here.
            match self.next_after_space() {
                Some(bracket @ (b'[' | b'{')) => {
                    self.at += 1;
                    let closing = if bracket == b'[' { b']' } else { b'}' };
                    if self.next_after_space() != Some(closing) {
                        open.push(closing);
                        self.skip_name(closing)?;
                        continue;
                    }
                    self.at += 1;
                }
                _ => {
                    self.value()?;
                }
            }
            // A value ended here, and perhaps what holds it.
            loop {
                let Some(closing) = open.last().copied() else { return Ok(&self.bytes[begins..self.at]) };
                match self.next_after_space() {
                    Some(b',') => {
                        self.at += 1;
                        self.skip_name(closing)?;
                        break;
                    }
                    Some(byte) if byte == closing => {
                        self.at += 1;
                        open.pop();
                    }
                    _ if closing == b']' => return Err(self.expected("`,` or `]`")),
                    _ => return Err(self.expected("`,` or `}`")),
                }
            }
        }
    }

    /// The name before a value, where `closing` closes an object.
    fn skip_name(&mut self, closing: u8) -> Result<(), NotJson> {
        if closing == b'}' {
            self.name()?;
        }
        Ok(())
    }
}

fn name_must(fault: TextFault) -> &'static str {
    match fault {
        TextFault::NotUtf8 => "a member's name in UTF-8",
        TextFault::HalfPair => "a member's name without half of a surrogate pair",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_array_gives_its_elements() {
        for (array, expected) in [
            ("[]", vec![]),
            ("[ \n]", vec![]),
            ("[1]", vec![Value::Number(b"1")]),
            (
                r#"[ "a,]" , [2,[]],{"b":[]} ,null]"#,
                vec![
                    Value::Text { source: b"a,]", escaped: false },
                    Value::Array(b"[2,[]]"),
                    Value::Object(br#"{"b":[]}"#),
                    Value::Null,
                ],
            ),
        ] {
            let Ok(Value::Array(source)) = read(array.as_bytes(), |_, _| {}) else { panic!("an array: {array}") };
            let mut found = Vec::new();
            elements(source, |value| found.push(value));
            assert_eq!(found, expected, "{array}");
        }
    }

    #[test]
    fn an_object_knows_its_extent() {
        assert_eq!(read(br#" {"a":{"b":1} } "#, |_, _| {}), Ok(Value::Object(br#"{"a":{"b":1} }"#)));
    }
}
