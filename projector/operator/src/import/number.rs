//! Numbers of old records and old tables, exactly: a decimal number is an integer and a power of ten, never a binary fraction.
//! It must never round, and never guess in which unit a price is. Next: [`super::row`], which uses both.

use super::refusal::excerpt;

/// `unscaled` * 10^-`scale`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Exact {
    unscaled: i128,
    scale: i32,
}

/// Why a number is no integer of 64 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unfit {
    /// It has more decimal digits than the unit.
    Fraction,
    TooLarge,
}

/// Far beyond what an amount can have, and far below what overflows.
const MAX_EXPONENT: i32 = 1000;

impl Exact {
    /// The number that `text` is by the grammar of JSON, whole; `None` where it is none. (A plus sign, a blank, a comma, leading
    /// zeros: what another program may read differently is not taken.) A number of more than 38 digits is `None` too.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (negative, rest) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (mantissa, exponent) = match rest.find(['e', 'E']) {
            Some(at) => (&rest[..at], exponent(&rest[at + 1..])?),
            None => (rest, 0),
        };
        let (whole, fraction) = match mantissa.split_once('.') {
            Some((_, "")) => return None,
            Some((whole, fraction)) => (whole, fraction),
            None => (mantissa, ""),
        };
        let has_no_leading_zero = whole == "0" || !whole.starts_with('0');
        if whole.is_empty()
            || !has_no_leading_zero
            || !whole.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit())
        {
            return None;
        }
        let fraction = fraction.trim_end_matches('0');
        let digits = whole.bytes().chain(fraction.bytes());
        let unscaled = digits
            .map(|digit| i128::from(digit - b'0'))
            .try_fold(0_i128, |sum, digit| sum.checked_mul(10)?.checked_add(digit))?;
        let scale = i32::try_from(fraction.len()).ok()? - exponent;
        Some(Self { unscaled: if negative { -unscaled } else { unscaled }, scale })
    }

    /// Of a big-endian two's complement, as Connect's Decimal holds it; `None` when there is none, or it has more than 128 bits.
    pub(crate) fn from_twos_complement(bytes: &[u8], scale: i32) -> Option<Self> {
        let (first, _) = bytes.split_first()?;
        let fill = if first & 0x80 == 0 { 0 } else { 0xFF };
        let mut wide = [fill; 16];
        wide.get_mut(16_usize.checked_sub(bytes.len())?..)?.copy_from_slice(bytes);
        Some(Self { unscaled: i128::from_be_bytes(wide), scale })
    }

    /// The number times 10^`digits`.
    pub(crate) fn times_ten_to(self, digits: i32) -> Result<i64, Unfit> {
        let power = digits - self.scale;
        if self.unscaled == 0 {
            return Ok(0);
        }
        let ten = |power: i32| 10_i128.checked_pow(power.unsigned_abs());
        let whole = if power >= 0 {
            ten(power).and_then(|ten| self.unscaled.checked_mul(ten)).ok_or(Unfit::TooLarge)?
        } else {
            // A power that does not fit is larger than the number, so it does not divide it.
            ten(power).filter(|ten| self.unscaled % ten == 0).map(|ten| self.unscaled / ten).ok_or(Unfit::Fraction)?
        };
        i64::try_from(whole).map_err(|_| Unfit::TooLarge)
    }
}

fn exponent(text: &str) -> Option<i32> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // More digits than any number of interest has.
    let size = digits.trim_start_matches('0');
    let size = if size.is_empty() { 0 } else { size.parse().unwrap_or(MAX_EXPONENT).min(MAX_EXPONENT) };
    Some(if text.starts_with('-') { -size } else { size })
}

/// What is known of a number beside its digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NumberKind {
    /// An integer by its type, or, where nothing says the type, by its spelling.
    Integer,
    /// A decimal number with so many decimal digits, whatever stands in them.
    Decimal { scale: i32 },
    /// A double, a text, or a fraction that nothing explains.
    Other,
}

/// A number of pieces.
///
/// # Errors
/// What is wrong, in words; `shown` is the value as it was found.
pub(crate) fn pieces(value: Option<Exact>, shown: &str) -> Result<i64, String> {
    let found = || format!("must be an integer of 64 bits, found `{}`", excerpt(shown));
    value.ok_or_else(found)?.times_ten_to(0).map_err(|_| found())
}

/// A price in minor units. `digits` is how many decimal digits the old unit has, where that was said (`--minor-units`): then it
/// counts for every price, whatever its type. Where it was not, only integers are prices.
///
/// # Errors
/// What is wrong, in words; `shown` is the value as it was found.
pub(crate) fn minor_units(
    value: Option<Exact>,
    kind: NumberKind,
    digits: Option<u8>,
    shown: &str,
) -> Result<i64, String> {
    const REMEDY: &str = "`--minor-units N` says how many decimal digits the old unit has";
    let not_64_bits = || format!("must be an integer of 64 bits, found `{}`", excerpt(shown));
    let Some(value) = value else {
        return Err(match digits {
            Some(_) => format!("must be a number, found `{}`", excerpt(shown)),
            None => not_64_bits(),
        });
    };
    match (digits, kind) {
        (None, NumberKind::Decimal { scale }) if scale > 0 => {
            let found = excerpt(shown);
            Err(format!("is a Decimal with {scale} decimal digits, found `{found}`: {REMEDY}"))
        }
        (None, NumberKind::Other) => {
            Err(format!("must be an integer of minor units, found `{}`: {REMEDY}", excerpt(shown)))
        }
        (None, NumberKind::Integer | NumberKind::Decimal { .. }) => value.times_ten_to(0).map_err(|_| not_64_bits()),
        (Some(digits), _) => value.times_ten_to(i32::from(digits)).map_err(|unfit| match unfit {
            Unfit::Fraction => format!("must have at most {digits} decimal digits, found `{}`", excerpt(shown)),
            Unfit::TooLarge => format!("must be less than 2^63 minor units, found `{}`", excerpt(shown)),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn integer(text: &str, digits: i32) -> Option<Result<i64, Unfit>> {
        Exact::parse(text).map(|exact| exact.times_ten_to(digits))
    }

    #[test]
    fn numbers_are_exact() {
        for (text, digits, expected) in [
            ("0", 0, Ok(0)),
            ("-0", 2, Ok(0)),
            ("12", 2, Ok(1200)),
            ("2.50", 2, Ok(250)),
            ("2.5", 2, Ok(250)),
            ("250.0", 0, Ok(250)),
            ("1.0E15", 0, Ok(1_000_000_000_000_000)),
            ("1e3", 0, Ok(1000)),
            ("1E+3", 0, Ok(1000)),
            ("1500e-2", 0, Ok(15)),
            ("-7.25", 2, Ok(-725)),
            ("9223372036854775807", 0, Ok(i64::MAX)),
            ("-9223372036854775808", 0, Ok(i64::MIN)),
            ("9223372036854775808", 0, Err(Unfit::TooLarge)),
            ("0e999999999999", 0, Ok(0)),
            ("1e999999999999", 0, Err(Unfit::TooLarge)),
            ("1e-999999999999", 0, Err(Unfit::Fraction)),
            ("7.9", 0, Err(Unfit::Fraction)),
            ("0.30000000000000004", 2, Err(Unfit::Fraction)),
            ("2.505", 2, Err(Unfit::Fraction)),
            ("100000000000000000000", -10, Ok(10_000_000_000)),
        ] {
            assert_eq!(integer(text, digits), Some(expected), "{text}");
        }
        for text in [
            "",
            "-",
            "+1",
            " 1",
            "1 ",
            "01",
            "1.",
            ".5",
            "1e",
            "1e+",
            "1,5",
            "0x10",
            "NaN",
            "Infinity",
            "1_000",
            "--1",
            "\u{0661}",
            "123456789012345678901234567890123456789012",
        ] {
            assert_eq!(Exact::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_twos_complement_is_signed() {
        for (bytes, scale, digits, expected) in [
            (&[0x00, 0xFA][..], 2, 2, Ok(250)),
            (&[0x00, 0xFA], 2, 0, Err(Unfit::Fraction)),
            (&[0x27, 0x10], 2, 2, Ok(10_000)),
            (&[0xFF, 0x06], 2, 2, Ok(-250)),
            (&[0x80], 0, 0, Ok(-128)),
            (&[0x7F; 16], 0, 0, Err(Unfit::TooLarge)),
            (&[3], -2, 0, Ok(300)),
        ] {
            let found = Exact::from_twos_complement(bytes, scale).expect("fits");
            assert_eq!(found.times_ten_to(digits), expected, "{bytes:?}");
        }
        assert_eq!(Exact::from_twos_complement(&[], 2), None);
        assert_eq!(Exact::from_twos_complement(&[0; 17], 2), None);
    }

    #[test]
    fn a_price_is_in_minor_units_or_its_unit_is_said() {
        use NumberKind::{Decimal, Integer, Other};
        let remedy = "`--minor-units N` says how many decimal digits the old unit has";
        for (text, kind, digits, expected) in [
            ("250", Integer, None, Ok(250)),
            ("250", Integer, Some(2), Ok(25_000)),
            ("250", Integer, Some(0), Ok(250)),
            ("250", Decimal { scale: 0 }, None, Ok(250)),
            ("12", Decimal { scale: 2 }, Some(2), Ok(1200)),
            (
                "12",
                Decimal { scale: 2 },
                None,
                Err(format!("is a Decimal with 2 decimal digits, found `12`: {remedy}")),
            ),
            ("12.00", Decimal { scale: 2 }, Some(3), Ok(12_000)),
            ("250.0", Other, None, Err(format!("must be an integer of minor units, found `250.0`: {remedy}"))),
            ("250.0", Other, Some(0), Ok(250)),
            ("250.0", Integer, None, Ok(250)),
            ("2.505", Other, Some(2), Err("must have at most 2 decimal digits, found `2.505`".to_owned())),
            ("1e18", Other, Some(2), Err("must be less than 2^63 minor units, found `1e18`".to_owned())),
            ("x", Other, Some(2), Err("must be a number, found `x`".to_owned())),
            ("x", Other, None, Err("must be an integer of 64 bits, found `x`".to_owned())),
        ] {
            assert_eq!(minor_units(Exact::parse(text), kind, digits, text), expected, "{text} {kind:?} {digits:?}");
        }
    }
}
