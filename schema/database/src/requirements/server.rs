//! Settings of the server that a session cannot set for itself. What a session can set, `connect.rs` sets.

use sqlx::FromRow;

use super::problem::{Findings, Problem};
use super::role::Role;
use crate::watched::Watched;

/// What one statement may need, in bytes: the largest record that is kept, and the batch that it stands in. The server's default is
/// half of it, and a session cannot raise it.
pub const NEEDED_PACKET_BYTES: u64 = 32 * 1024 * 1024;
/// The first version that has all that is used: a RENAME that waits for a time, atomic DDL, and the session's settings.
const FIRST_VERSION: (u32, u32) = (10, 11);

/// As the server says them.
#[derive(Debug, Clone, FromRow)]
struct Settings {
    version: String,
    max_allowed_packet: u64,
    log_bin: bool,
    binlog_format: String,
    /// A word or a number, as the version has it.
    read_only: String,
    innodb_flush_log_at_trx_commit: i64,
    sync_binlog: i64,
}

const SETTINGS: &str = "SELECT VERSION() AS version, CAST(@@max_allowed_packet AS UNSIGNED) AS max_allowed_packet, \
    @@log_bin <> 0 AS log_bin, CAST(@@binlog_format AS CHAR) AS binlog_format, CAST(@@global.read_only AS CHAR) AS read_only, \
    CAST(@@global.innodb_flush_log_at_trx_commit AS SIGNED) AS innodb_flush_log_at_trx_commit, \
    CAST(@@global.sync_binlog AS SIGNED) AS sync_binlog";

/// Looks at the settings that `role` rests on.
///
/// # Errors
/// The database's.
pub async fn server(connection: &mut Watched, role: Role) -> Result<Findings, sqlx::Error> {
    Ok(settings(connection, role).await?.1)
}

/// As [`server`], with every setting that is looked at: its name, and the value that was found.
///
/// # Errors
/// The database's.
pub async fn settings(
    connection: &mut Watched,
    role: Role,
) -> Result<(Vec<(&'static str, String)>, Findings), sqlx::Error> {
    let settings: Settings = sqlx::query_as(SETTINGS).fetch_one(connection).await?;
    let findings = judge(&settings, role);
    Ok((settings.shown(), findings))
}

impl Settings {
    /// Under the names that [`judge`] tells them by.
    fn shown(self) -> Vec<(&'static str, String)> {
        let without_log = |value: String| if self.log_bin { value } else { format!("{value} (log_bin is off)") };
        vec![
            ("version", self.version),
            ("max_allowed_packet", self.max_allowed_packet.to_string()),
            ("innodb_flush_log_at_trx_commit", self.innodb_flush_log_at_trx_commit.to_string()),
            ("log_bin", if self.log_bin { "ON" } else { "OFF" }.to_owned()),
            ("binlog_format", without_log(self.binlog_format)),
            ("sync_binlog", without_log(self.sync_binlog.to_string())),
            ("read_only", self.read_only),
        ]
    }
}

fn judge(settings: &Settings, role: Role) -> Findings {
    if role == Role::Reader {
        return Findings { refused: version(settings).into_iter().collect(), warnings: Vec::new() };
    }
    // A projector waits for a server that is read-only for a while: that is how a planned switch looks.
    let read_only = (role == Role::Owner).then(|| read_only(settings)).flatten();
    let refused = [version(settings), packet(settings), binary_log(settings), read_only];
    Findings {
        refused: refused.into_iter().flatten().collect(),
        warnings: [flushed(settings), synced(settings)].into_iter().flatten().collect(),
    }
}

fn version(settings: &Settings) -> Option<Problem> {
    let mut numbers = settings.version.split(['.', '-']).map_while(|part| part.parse::<u32>().ok());
    let found = numbers.next().zip(numbers.next());
    let is_fit = settings.version.contains("MariaDB") && found.is_some_and(|found| found >= FIRST_VERSION);
    let expected = format!("MariaDB {}.{} or later", FIRST_VERSION.0, FIRST_VERSION.1);
    (!is_fit).then(|| Problem::new("version", expected, &settings.version, "use such a server"))
}

fn packet(settings: &Settings) -> Option<Problem> {
    let found = settings.max_allowed_packet;
    let expected = format!("at least {NEEDED_PACKET_BYTES}, for large records");
    let line = format!("max_allowed_packet={}M", NEEDED_PACKET_BYTES / 1024 / 1024);
    let remedy = format!(
        "write `{line}` below [mariadbd] in the server's configuration, and `SET GLOBAL max_allowed_packet={NEEDED_PACKET_BYTES}` \
         until it is started again"
    );
    (found < NEEDED_PACKET_BYTES).then(|| Problem::new("max_allowed_packet", expected, found.to_string(), remedy))
}

/// With READ COMMITTED the server cannot write statements to its binary log.
fn binary_log(settings: &Settings) -> Option<Problem> {
    let is_fit = !settings.log_bin || settings.binlog_format != "STATEMENT";
    let remedy = "write `binlog_format=ROW` below [mariadbd] in the server's configuration, and `SET GLOBAL binlog_format=ROW` \
                  until it is started again";
    (!is_fit).then(|| Problem::new("binlog_format", "ROW or MIXED", &settings.binlog_format, remedy))
}

fn read_only(settings: &Settings) -> Option<Problem> {
    let is_fit = matches!(settings.read_only.as_str(), "0" | "OFF");
    let remedy = "the server is read-only (a replica, or a switch is under way): name the one that writes";
    (!is_fit).then(|| Problem::new("read_only", "OFF", "ON", remedy))
}

/// Both values put what is acknowledged on the disk.
const DURABLE: [i64; 2] = [1, 3];

fn flushed(settings: &Settings) -> Option<Problem> {
    let found = settings.innodb_flush_log_at_trx_commit;
    let remedy = "when the machine fails, a second's worth of acknowledged commits may be lost, and outcomes that others have seen \
                  are then not in the tables";
    let what = "innodb_flush_log_at_trx_commit";
    (!DURABLE.contains(&found)).then(|| Problem::new(what, "1", found.to_string(), remedy))
}

/// After a failure the binary log decides which transactions stand.
fn synced(settings: &Settings) -> Option<Problem> {
    let found = settings.sync_binlog;
    let remedy =
        "when the machine fails, commits that its binary log has not on the disk are rolled back, acknowledged or not";
    (settings.log_bin && found != 1).then(|| Problem::new("sync_binlog", "1", found.to_string(), remedy))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fit() -> Settings {
        Settings {
            version: "10.11.19-MariaDB-0+deb12u1".to_owned(),
            max_allowed_packet: NEEDED_PACKET_BYTES,
            log_bin: true,
            binlog_format: "ROW".to_owned(),
            read_only: "0".to_owned(),
            innodb_flush_log_at_trx_commit: 1,
            sync_binlog: 1,
        }
    }

    fn named(settings: &Settings, role: Role) -> (Vec<String>, Vec<String>) {
        let named = |problems: Vec<Problem>| problems.into_iter().map(|problem| problem.what).collect();
        let Findings { refused, warnings } = judge(settings, role);
        (named(refused), named(warnings))
    }

    #[test]
    fn each_setting_is_refused_or_warned_of_by_name() {
        let is = |found: &[&str], expected: &[String]| found == expected;
        let changed = |change: &dyn Fn(&mut Settings)| {
            let mut settings = fit();
            change(&mut settings);
            settings
        };
        let version = |text: &'static str| changed(&move |settings| settings.version = text.to_owned());
        let cases: [(Settings, &[&str], &[&str]); 13] = [
            (fit(), &[], &[]),
            (version("11.8.9-MariaDB-ubu2404-log"), &[], &[]),
            (version("10.6.20-MariaDB"), &["version"], &[]),
            (version("8.4.3"), &["version"], &[]),
            (changed(&|settings| settings.max_allowed_packet = 16_777_216), &["max_allowed_packet"], &[]),
            (changed(&|settings| settings.binlog_format = "STATEMENT".to_owned()), &["binlog_format"], &[]),
            (changed(&|settings| settings.binlog_format = "MIXED".to_owned()), &[], &[]),
            (
                changed(&|settings| {
                    settings.binlog_format = "STATEMENT".to_owned();
                    (settings.log_bin, settings.sync_binlog) = (false, 0);
                }),
                &[],
                &[],
            ),
            (changed(&|settings| settings.read_only = "ON".to_owned()), &["read_only"], &[]),
            (
                changed(&|settings| settings.innodb_flush_log_at_trx_commit = 2),
                &[],
                &["innodb_flush_log_at_trx_commit"],
            ),
            (changed(&|settings| settings.innodb_flush_log_at_trx_commit = 3), &[], &[]),
            (changed(&|settings| settings.sync_binlog = 0), &[], &["sync_binlog"]),
            (
                changed(&|settings| {
                    settings.max_allowed_packet = 1;
                    settings.read_only = "1".to_owned();
                }),
                &["max_allowed_packet", "read_only"],
                &[],
            ),
        ];
        for (settings, refused, warned) in &cases {
            let (found, warnings) = named(settings, Role::Owner);
            assert!(is(refused, &found) && is(warned, &warnings), "{settings:?}: {found:?} {warnings:?}");
        }
        // A projector waits until it may write; a reader needs nothing of all this.
        let (settings, ..) = &cases[12];
        assert_eq!(named(settings, Role::Projector).0, ["max_allowed_packet"]);
        assert_eq!(named(settings, Role::Reader), (vec![], vec![]));
    }

    #[test]
    fn a_refusal_says_which_line_to_write() {
        let mut settings = fit();
        (settings.max_allowed_packet, settings.binlog_format) = (16_777_216, "STATEMENT".to_owned());
        let says = judge(&settings, Role::Owner).accepted().expect_err("refused").to_string();
        for part in [
            "max_allowed_packet: expected at least 33554432, for large records, found 16777216; write `max_allowed_packet=32M`",
            "binlog_format: expected ROW or MIXED, found STATEMENT; write `binlog_format=ROW`",
        ] {
            assert!(says.contains(part), "{says}");
        }
    }
}
