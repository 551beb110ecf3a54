//! The CSV of opening stock -> receipts. The whole file is read before anything is appended: a file that is not what it
//! should be is refused whole, a row that cannot be taken is named by its line and the others are taken. A product that
//! stands in the file twice is taken from neither line, since nobody can say which is right. Next: [`super::derived_id`].

use std::collections::HashMap;
use std::path::Path;

use chrono::{DateTime, Utc};
use csv::ByteRecord;
use ledger_schema::domain::check_visible;
use ledger_schema::{Movement, MovementKind, ProductId, Quantity};
use thiserror::Error;

use super::derived_id;
use super::refusal::{Refusal, excerpt};

/// What the first line must be.
const HEADER: [&str; 2] = ["product_id", "quantity"];

/// The file cannot be used. Nothing was appended; not retryable with the same file.
#[derive(Debug, Error)]
pub enum OpeningStockError {
    #[error("{file} cannot be read: {source}")]
    Unreadable { file: String, source: std::io::Error },
    #[error("{file} must begin with the header `product_id,quantity`, found `{found}`")]
    Header { file: String, found: String },
}

/// A receipt and the line that it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OpeningRow {
    /// Counted from 1; the header is line 1.
    pub line: u64,
    pub movement: Movement,
}

/// What the file holds, in its order.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct OpeningStock {
    pub rows: Vec<OpeningRow>,
    /// With their lines.
    pub refused: Vec<(u64, Refusal)>,
}

/// Reads the file at `path`. The rows say no time, so every receipt gets `occurred_at`; a duplicate is recognised without
/// it, and the receipt that was folded first keeps its own.
pub(super) fn read(path: &Path, occurred_at: DateTime<Utc>) -> Result<OpeningStock, OpeningStockError> {
    let file = path.display().to_string();
    match std::fs::read(path) {
        Ok(bytes) => parse(&file, &bytes, occurred_at),
        Err(source) => Err(OpeningStockError::Unreadable { file, source }),
    }
}

/// A row before it is known whether its product stands elsewhere too.
struct Candidate {
    line: u64,
    product_id: ProductId,
    quantity: Result<Quantity, Refusal>,
}

/// One line is one row: a quoted line end is not taken, since no product id has one, and a forgotten quote must not
/// swallow the rows after it.
fn parse(file: &str, bytes: &[u8], occurred_at: DateTime<Utc>) -> Result<OpeningStock, OpeningStockError> {
    let lines = bytes.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let mut numbered = (1_u64..).zip(lines);
    let header = numbered.next().map_or(&[][..], |(_, line)| line);
    if fields(header).is_none_or(|fields| fields.iter().ne(HEADER.map(str::as_bytes))) {
        let found = excerpt(&String::from_utf8_lossy(header));
        return Err(OpeningStockError::Header { file: file.to_owned(), found });
    }
    let mut stock = OpeningStock::default();
    let mut candidates = Vec::new();
    for (line, text) in numbered.filter(|(_, text)| !text.is_empty()) {
        match candidate(line, text) {
            Ok(candidate) => candidates.push(candidate),
            Err(refusal) => stock.refused.push((line, refusal)),
        }
    }
    settle(candidates, occurred_at, &mut stock);
    stock.refused.sort_by_key(|(line, _)| *line);
    Ok(stock)
}

/// The fields of one line, quotes removed; a byte order mark before the first is passed over.
fn fields(line: &[u8]) -> Option<ByteRecord> {
    let mut builder = csv::ReaderBuilder::new();
    let mut reader = builder.has_headers(false).flexible(true).buffer_capacity(256).from_reader(line);
    let mut record = ByteRecord::new();
    reader.read_byte_record(&mut record).is_ok_and(|found| found).then_some(record)
}

fn candidate(line: u64, text: &[u8]) -> Result<Candidate, Refusal> {
    // A line that is no CSV at all has no fields.
    let record = fields(text).unwrap_or_default();
    let [product_id, quantity] = record.iter().collect::<Vec<_>>()[..] else {
        return Err(Refusal::new("row", format!("must have 2 fields, found {}", record.len())));
    };
    let text = utf8("product_id", product_id)?;
    let product_id = ProductId::parse(text).map_err(Refusal::of("product_id"))?;
    check_visible(text).map_err(Refusal::of("product_id"))?;
    Ok(Candidate { line, product_id, quantity: self::quantity(quantity) })
}

/// Digits, no sign, no space, no thousands separator: what another program might read differently is not guessed at.
fn quantity(field: &[u8]) -> Result<Quantity, Refusal> {
    let text = utf8("quantity", field)?;
    let pieces = Some(text).filter(|text| text.bytes().all(|b| b.is_ascii_digit())).and_then(|text| text.parse().ok());
    let pieces =
        pieces.ok_or_else(|| Refusal::new("quantity", format!("must be digits, found `{}`", excerpt(text))))?;
    Quantity::new(pieces).map_err(Refusal::of("quantity"))
}

fn utf8<'a>(field: &'static str, bytes: &'a [u8]) -> Result<&'a str, Refusal> {
    std::str::from_utf8(bytes).map_err(|error| Refusal::new(field, error.to_string()))
}

/// Takes every product that stands in one line only.
fn settle(candidates: Vec<Candidate>, occurred_at: DateTime<Utc>, stock: &mut OpeningStock) {
    let mut lines: HashMap<ProductId, Vec<u64>> = HashMap::with_capacity(candidates.len());
    for candidate in &candidates {
        lines.entry(candidate.product_id.clone()).or_default().push(candidate.line);
    }
    for Candidate { line, product_id, quantity } in candidates {
        let others = lines.get(&product_id).map_or(&[][..], Vec::as_slice);
        match quantity {
            _ if others.len() > 1 => stock.refused.push((line, named_twice(line, others))),
            Err(refusal) => stock.refused.push((line, refusal)),
            Ok(quantity) => {
                let movement_id = derived_id::opening_stock_id(&product_id);
                let movement = Movement::new(movement_id, product_id, MovementKind::Receipt(quantity), occurred_at);
                stock.rows.push(OpeningRow { line, movement });
            }
        }
    }
}

fn named_twice(line: u64, lines: &[u64]) -> Refusal {
    let others: Vec<String> = lines.iter().filter(|other| **other != line).take(8).map(u64::to_string).collect();
    Refusal::new("product_id", format!("stands also in line {}; none of them is taken", others.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(csv: &[u8]) -> Result<OpeningStock, OpeningStockError> {
        parse("stock.csv", csv, DateTime::UNIX_EPOCH)
    }

    fn taken(stock: &OpeningStock) -> Vec<(u64, &str, i64)> {
        let row = |row: &'_ OpeningRow| row.movement.delta().get();
        stock.rows.iter().map(|r| (r.line, r.movement.product_id().as_str(), row(r))).collect()
    }

    fn refused(stock: &OpeningStock) -> Vec<(u64, &str, &str)> {
        stock.refused.iter().map(|(line, refusal)| (*line, &*refusal.field, refusal.why.as_str())).collect()
    }

    #[test]
    fn good_rows_are_receipts() {
        for csv in [
            "product_id,quantity\nchocolate,10\nCATALOG-001,1000000000\n",
            "product_id,quantity\r\nchocolate,10\r\nCATALOG-001,1000000000\r\n",
            "product_id,quantity\n\"chocolate\",\"10\"\nCATALOG-001,1000000000",
            "\u{FEFF}product_id,quantity\nchocolate,010\nCATALOG-001,1000000000",
        ] {
            let stock = parsed(csv.as_bytes()).expect("a good file");
            assert_eq!(taken(&stock), [(2, "chocolate", 10), (3, "CATALOG-001", 1_000_000_000)], "{csv:?}");
            assert_eq!(refused(&stock), [], "{csv:?}");
            assert_eq!(
                stock.rows[0].movement.movement_id(),
                derived_id::opening_stock_id(stock.rows[0].movement.product_id())
            );
        }
        assert_eq!(parsed(b"product_id,quantity\n").expect("no rows is a file too"), OpeningStock::default());
    }

    #[test]
    fn bad_rows_are_named_and_the_rest_is_taken() {
        let csv = b"product_id,quantity\n\
            a,1\n\
            b\n\
            c,1,2\n\
            ,5\n\
            d e,5\n\
            f,\n\
            g,0\n\
            h,-1\n\
            i,1.5\n\
            j,1000000001\n\
            k,99999999999999999999\n\
            \n\
            l,\xff\n\
            \xff,1\n\
            m, 7\n\
            \"n\",7\n\
            \"o,7\n\
            p,8\n";
        let stock = parsed(csv).expect("a good header");
        assert_eq!(taken(&stock), [(2, "a", 1), (17, "n", 7), (19, "p", 8)]);
        assert_eq!(
            refused(&stock),
            [
                (3, "row", "must have 2 fields, found 1"),
                (4, "row", "must have 2 fields, found 3"),
                (5, "product_id", "must not be empty"),
                (6, "product_id", "must not contain the character U+0020 (at character 2)"),
                (7, "quantity", "must be digits, found ``"),
                (8, "quantity", "must be an integer from 1 to 1000000000, found 0"),
                (9, "quantity", "must be digits, found `-1`"),
                (10, "quantity", "must be digits, found `1.5`"),
                (11, "quantity", "must be an integer from 1 to 1000000000, found 1000000001"),
                (12, "quantity", "must be digits, found `99999999999999999999`"),
                (14, "quantity", "invalid utf-8 sequence of 1 bytes from index 0"),
                (15, "product_id", "invalid utf-8 sequence of 1 bytes from index 0"),
                (16, "quantity", "must be digits, found ` 7`"),
                (18, "row", "must have 2 fields, found 1"),
            ]
        );
    }

    #[test]
    fn a_product_in_two_lines_is_taken_from_neither() {
        let stock = parsed(b"product_id,quantity\na,1\nb,2\na,1\nc,x\nc,3\n").expect("a good header");
        assert_eq!(taken(&stock), [(3, "b", 2)]);
        assert_eq!(
            refused(&stock),
            [
                (2, "product_id", "stands also in line 4; none of them is taken"),
                (4, "product_id", "stands also in line 2; none of them is taken"),
                (5, "product_id", "stands also in line 6; none of them is taken"),
                (6, "product_id", "stands also in line 5; none of them is taken"),
            ]
        );
    }

    #[test]
    fn a_name_that_looks_like_nothing_is_refused() {
        let stock = parsed("product_id,quantity\nt\u{e9},1\n\u{3164},2\n".as_bytes()).expect("a good header");
        assert_eq!(taken(&stock), [(2, "t\u{e9}", 1)]);
        assert_eq!(refused(&stock), [(3, "product_id", "must not contain the character U+3164 (at character 1)")]);
    }

    #[test]
    fn another_header_is_refused() {
        for (csv, found) in [
            ("", ""),
            ("chocolate,10\n", "chocolate,10"),
            ("quantity,product_id\n", "quantity,product_id"),
            ("product_id,quantity,price\n", "product_id,quantity,price"),
            ("product_id;quantity\n", "product_id;quantity"),
            ("Product_Id,Quantity\n", "Product_Id,Quantity"),
            ("product_id, quantity\n", "product_id, quantity"),
        ] {
            let error = parsed(csv.as_bytes()).expect_err("another header");
            let expected = format!("stock.csv must begin with the header `product_id,quantity`, found `{found}`");
            assert_eq!(error.to_string(), expected);
        }
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = read(Path::new("/nowhere/stock.csv"), DateTime::UNIX_EPOCH).expect_err("no such file");
        assert!(error.to_string().starts_with("/nowhere/stock.csv cannot be read: "), "{error}");
    }
}
