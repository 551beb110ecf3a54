//! Levels of MariaDB that are known to lose or bend what the ledger stores. Each line has its source: the release notes of the first level without
//! the fault, at mariadb.com/docs/release-notes/community-server/ (10.11.8, 10.11.11, 10.11.15, 10.11.16; 11.4.2, 11.4.5, 11.4.9, 11.4.10; 11.8.4,
//! 11.8.6), each by its MDEV number. It must never claim a fault that they do not name, nor the absence of others.

use super::finding::Sheet;

/// A fault, and the first level of each series that does not have it.
struct Fault {
    name: &'static str,
    what: &'static str,
    mended: &'static [(u32, u32, u32)],
    /// Whether it is met by what the ledger does at all times.
    is_met: bool,
}

const FAULTS: [Fault; 4] = [
    Fault {
        name: "MDEV-30046",
        what: "INSERT .. ON DUPLICATE KEY UPDATE, which the projector writes stock by, may change another row than the one that was meant",
        mended: &[(10, 11, 8), (11, 4, 2)],
        is_met: true,
    },
    Fault {
        name: "MDEV-30111",
        what: "a unique key of a column with a NO PAD collation, as ids have here, may become corrupt",
        mended: &[(10, 11, 11), (11, 4, 5)],
        is_met: true,
    },
    Fault {
        name: "MDEV-37192",
        what: "after a crash during a bulk load, as a rebuild is one, the recovery may report corruption",
        mended: &[(10, 11, 15), (11, 4, 9), (11, 8, 4)],
        is_met: false,
    },
    Fault {
        name: "MDEV-37662",
        what: "with a full tmpdir a large transaction may stand in the binary log without its rows",
        mended: &[(10, 11, 16), (11, 4, 10), (11, 8, 6)],
        is_met: false,
    },
];
/// The series whose release notes were read.
const KNOWN_SERIES: [(u32, u32); 4] = [(10, 11), (11, 4), (11, 8), (12, 3)];

pub(super) fn look(sheet: &Sheet, version: &str) {
    const WHAT: &str = "patch level";
    let Some(level @ (major, minor, _)) = level_of(version) else {
        return sheet.skip(WHAT, format!("`{version}` is no version of MariaDB"));
    };
    if !KNOWN_SERIES.contains(&(major, minor)) {
        let known: Vec<String> = KNOWN_SERIES.iter().map(|(major, minor)| format!("{major}.{minor}")).collect();
        return sheet.skip(WHAT, format!("nothing is known of {major}.{minor}, only of {}", known.join(", ")));
    }
    let has: Vec<&Fault> = FAULTS.iter().filter(|fault| has(fault, level)).collect();
    if has.is_empty() {
        return sheet.fine(WHAT, format!("{version}: none of the faults that are known here"));
    }
    for fault in has {
        let Fault { name, what, mended, is_met } = fault;
        let first = mended.iter().find(|mended| (mended.0, mended.1) == (major, minor));
        let to = first.map_or_else(String::new, |(major, minor, patch)| format!(" {major}.{minor}.{patch} or later"));
        let (found, advice) = (format!("{version} has {name}: {what}"), format!("upgrade MariaDB to{to}"));
        if *is_met { sheet.wrong(WHAT, found, advice) } else { sheet.warn(WHAT, found, advice) }
    }
}

/// A series that none of the mended levels is of begins after the fault was mended, or ends before its first release.
fn has(fault: &Fault, level: (u32, u32, u32)) -> bool {
    fault.mended.iter().any(|mended| (mended.0, mended.1) == (level.0, level.1) && level < *mended)
}

fn level_of(version: &str) -> Option<(u32, u32, u32)> {
    let mut numbers = version.split(['.', '-']).map_while(|part| part.parse::<u32>().ok());
    Some((numbers.next()?, numbers.next()?, numbers.next()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::{Area, Verdict};

    #[test]
    fn levels_are_named_with_their_faults() {
        for (version, expected) in [
            ("10.11.19-MariaDB-0+deb12u1", vec![Verdict::Fine]),
            ("10.11.16-MariaDB", vec![Verdict::Fine]),
            ("10.11.15-MariaDB", vec![Verdict::Warning]),
            ("10.11.14-MariaDB", vec![Verdict::Warning, Verdict::Warning]),
            ("10.11.10-MariaDB", vec![Verdict::Wrong, Verdict::Warning, Verdict::Warning]),
            ("10.11.7-MariaDB", vec![Verdict::Wrong, Verdict::Wrong, Verdict::Warning, Verdict::Warning]),
            ("11.4.4-MariaDB", vec![Verdict::Wrong, Verdict::Warning, Verdict::Warning]),
            ("11.8.2-MariaDB", vec![Verdict::Warning, Verdict::Warning]),
            ("11.8.6-MariaDB", vec![Verdict::Fine]),
            ("11.5.2-MariaDB", vec![Verdict::NotLookedAt]),
            ("nonsense", vec![Verdict::NotLookedAt]),
        ] {
            let sheet = Sheet::new(Area::Database);
            look(&sheet, version);
            let verdicts: Vec<Verdict> = sheet.findings().iter().map(|finding| finding.verdict).collect();
            assert_eq!(verdicts, expected, "{version}");
        }
        let sheet = Sheet::new(Area::Database);
        look(&sheet, "10.11.10-MariaDB");
        let first = &sheet.findings()[0];
        assert!(first.found.contains("MDEV-30111"), "{first:?}");
        assert_eq!(first.advice.as_deref(), Some("upgrade MariaDB to 10.11.11 or later"));
    }
}
