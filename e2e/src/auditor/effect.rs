//! A row of `orders` or `stock_movements`, read back from the auditor's spelling: what it changed, and where its cause
//! lies.
//!
//! It must never make up a part that a row lacks: such a row is an error.

use anyhow::{Context, Result};

use super::Rows;

/// What one row says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effect {
    pub id: String,
    pub is_order: bool,
    /// What a retry must repeat.
    pub contents: String,
    pub confirmed: bool,
    /// Of a rejected one.
    pub reason: Option<String>,
    pub partition: i32,
    pub offset: i64,
    pub product: String,
    /// Of the stock, where it is confirmed.
    pub change: i64,
}

/// All of these rows.
///
/// # Errors
/// When one cannot be understood.
pub fn effects(tables: [&Rows; 2]) -> Result<Vec<Effect>> {
    let rows = tables.into_iter().flatten();
    rows.map(|(key, row)| read(key, row).with_context(|| format!("cannot understand the row {key}: {row}"))).collect()
}

/// `user=U product=P 2x3=6 confirmed at=P:O`, or `KIND product=P delta=D note=N rejected REASON at=P:O`. A note may have spaces.
fn read(key: &str, row: &str) -> Option<Effect> {
    let is_order = row.starts_with("user=");
    let (before, position) = row.rsplit_once(" at=")?;
    let (partition, offset) = position.split_once(':')?;
    let (contents, confirmed, reason) = match before.strip_suffix(" confirmed") {
        Some(contents) => (contents, true, None),
        None => {
            let (contents, reason) = before.rsplit_once(' ')?;
            (contents.strip_suffix(" rejected")?, false, Some(reason.to_owned()))
        }
    };
    let words: Vec<&str> = contents.split(' ').collect();
    let change = match is_order {
        true => -words.get(2)?.split_once('x')?.0.parse::<i64>().ok()?,
        false => words.get(2)?.strip_prefix("delta=")?.parse().ok()?,
    };
    Some(Effect {
        id: key.split(' ').next()?.to_owned(),
        is_order,
        contents: contents.to_owned(),
        confirmed,
        reason,
        partition: partition.parse().ok()?,
        offset: offset.parse().ok()?,
        product: words.get(1)?.strip_prefix("product=")?.to_owned(),
        change,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_understood() {
        let order = read("i 0", "user=u product=p 2x3=6 rejected out-of-stock at=0:5").unwrap();
        assert_eq!(order.contents, "user=u product=p 2x3=6");
        assert_eq!((order.confirmed, order.change, order.offset), (false, -2, 5));
        assert_eq!(order.reason.as_deref(), Some("out-of-stock"));
        let receipt = read("i 0", "receipt product=p delta=7 note= confirmed at=0:4").unwrap();
        assert_eq!(receipt.contents, "receipt product=p delta=7 note=");
        assert_eq!((receipt.confirmed, receipt.change, receipt.offset), (true, 7, 4));
        let noted = read("i 0", "adjustment product=p delta=-7 note=a box fell confirmed at=1:4").unwrap();
        assert_eq!(noted.contents, "adjustment product=p delta=-7 note=a box fell");
    }

    #[test]
    fn what_lacks_a_part_is_no_effect() {
        for row in
            ["", "user=u product=p 2x3=6 confirmed", "user=u product=p confirmed at=0:1", "receipt product=p at=0:x"]
        {
            assert_eq!(read("i 0", row), None, "{row}");
        }
    }
}
