//! Cursors of the lists: opaque to clients, inside the key of the last item shown, so that a page continues exactly
//! there whatever was added meanwhile. Version and kind stand in front: a cursor of another list is refused.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Datelike, Utc};
use ledger_schema::ProductId;

const VERSION: u8 = 1;
/// (`o` was the list by the services' own times.)
const ORDERS: u8 = b'l';
const STOCK: u8 = b's';
/// Every order has a first line. (A cursor was of a row once, and clients may hold such ones.)
const FIRST_LINE: [u8; 2] = 1_i16.to_be_bytes();

/// A list's place to continue at.
pub(crate) trait Cursor: Sized {
    fn encode(&self) -> String;
    /// `None` for anything that [`Cursor::encode`] did not make.
    fn decode(text: &str) -> Option<Self>;
}

/// The key of an order in a user's list, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OrderCursor {
    pub(crate) listed_at: DateTime<Utc>,
    pub(crate) partition: i32,
    pub(crate) offset: i64,
}

/// The key of a product in the list of stock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StockCursor {
    pub(crate) product_id: String,
}

fn bytes_of(text: &str, kind: u8) -> Option<Vec<u8>> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    (bytes.len() > 2 && bytes[0] == VERSION && bytes[1] == kind).then(|| bytes[2..].to_vec())
}

impl Cursor for OrderCursor {
    fn encode(&self) -> String {
        let mut bytes = vec![VERSION, ORDERS];
        bytes.extend(self.listed_at.timestamp_micros().to_be_bytes());
        bytes.extend(self.partition.to_be_bytes());
        bytes.extend(self.offset.to_be_bytes());
        bytes.extend(FIRST_LINE);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    fn decode(text: &str) -> Option<Self> {
        let bytes = bytes_of(text, ORDERS)?;
        let (micros, rest) = bytes.split_first_chunk::<8>()?;
        let (partition, rest) = rest.split_first_chunk::<4>()?;
        let (offset, rest) = rest.split_first_chunk::<8>()?;
        let listed_at = DateTime::from_timestamp_micros(i64::from_be_bytes(*micros))?;
        (rest == FIRST_LINE && (1970..=9999).contains(&listed_at.year())).then(|| Self {
            listed_at,
            partition: i32::from_be_bytes(*partition),
            offset: i64::from_be_bytes(*offset),
        })
    }
}

impl Cursor for StockCursor {
    fn encode(&self) -> String {
        let mut bytes = vec![VERSION, STOCK];
        bytes.extend(self.product_id.as_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    fn decode(text: &str) -> Option<Self> {
        let product_id = String::from_utf8(bytes_of(text, STOCK)?).ok()?;
        ProductId::parse(&product_id).ok()?;
        Some(Self { product_id })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn other_texts_are_refused() {
        let stock = StockCursor { product_id: "chocolate".to_owned() };
        assert_eq!(StockCursor::decode(&stock.encode()), Some(stock.clone()));
        assert_eq!(OrderCursor::decode(&stock.encode()), None, "of another list");
        let newer = URL_SAFE_NO_PAD.encode([2, STOCK, b'x']);
        for bad in ["", "!", "AQ", "null", "AXM", "AXMg", &*format!("{}=", stock.encode()), &*newer] {
            assert_eq!(StockCursor::decode(bad), None, "{bad}");
            assert_eq!(OrderCursor::decode(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn order_cursors_read_back(micros in 0..253_402_300_799_999_999_i64, partition: i32, offset: i64, cut in 1..10_usize) {
            let cursor = OrderCursor {
                listed_at: DateTime::from_timestamp_micros(micros).expect("in range"),
                partition,
                offset,
            };
            let text = cursor.encode();
            prop_assert_eq!(OrderCursor::decode(&text), Some(cursor));
            prop_assert_eq!(OrderCursor::decode(&text[..text.len() - cut]), None);
            prop_assert_eq!(OrderCursor::decode(&format!("{text}A")), None);
        }

        #[test]
        fn no_text_panics(text in ".{0,80}") {
            let _ = (OrderCursor::decode(&text), StockCursor::decode(&text));
        }
    }
}
