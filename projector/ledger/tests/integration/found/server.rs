//! A server of a test's own, with settings that no other test could bear: what a session can set is set by it, and what it cannot
//! is named, by all commands that rest on it.

use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use ledger_database::connect::SESSION_SETTINGS;
use sqlx::{AssertSqlSafe, Connection, Executor, MySqlConnection};

use super::{check, project, told};
use crate::rebuild::{contents, fill, flow, folded, rebuild};
use crate::setting::{LIMIT, PAUSE, Setting, free_address};

/// Of any host: root is known from its own machine only.
const ADMIN: &str = "boss";
const PASSWORD: &str = "only-for-this-test";

/// A MariaDB in a folder of its own.
pub(crate) struct Server {
    process: Child,
    folder: PathBuf,
    address: SocketAddr,
    /// It listens on `::1` as well.
    has_ipv6: bool,
}

impl Server {
    /// The installed server, or that of `LEDGER_TEST_MARIADB_ROOT` (`bin/`, `sbin/`).
    fn start() -> Self {
        Self::with(&["--log-bin=binlog", "--server-id=1"])
    }

    /// With these options.
    pub(crate) fn with(options: &[&str]) -> Self {
        let program = |folder: &str, name: &str| match std::env::var("LEDGER_TEST_MARIADB_ROOT") {
            Ok(root) => format!("{root}/{folder}/{name}"),
            Err(_) => format!("/usr/{folder}/{name}"),
        };
        let address = free_address();
        let folder = std::env::temp_dir().join(format!("ledger-found-{}", address.port()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let data = format!("--datadir={}", folder.join("data").display());
        let own = std::fs::metadata(&folder).expect("a folder");
        // Root must say that it means to be root.
        let mut as_whom = vec!["--no-defaults".to_owned(), data];
        as_whom.extend((own.uid() == 0).then(|| "--user=root".to_owned()));
        as_whom.extend(std::env::var("LEDGER_TEST_MARIADB_ROOT").ok().map(|root| format!("--basedir={root}")));
        // Not /tmp: a MariaDB that starts deletes the temporary tables of every other there.
        let scratch = folder.join("scratch");
        std::fs::create_dir(&scratch).expect("a folder");
        let installed = Command::new(program("bin", "mariadb-install-db"))
            .env("TMPDIR", &scratch)
            .args(&as_whom)
            .args(["--auth-root-authentication-method=normal", "--skip-test-db"])
            .output()
            .expect("mariadb-install-db is installed");
        assert!(installed.status.success(), "{}", String::from_utf8_lossy(&installed.stdout));
        let init = folder.join("init.sql");
        let text = format!(
            "CREATE USER IF NOT EXISTS {ADMIN}@'%' IDENTIFIED BY '{PASSWORD}';\n\
             GRANT ALL PRIVILEGES ON *.* TO {ADMIN}@'%' WITH GRANT OPTION;\n"
        );
        std::fs::write(&init, text).expect("a file");
        let has_ipv6 = TcpListener::bind("[::1]:0").is_ok();
        let process = Command::new(program("sbin", "mariadbd"))
            .env("TMPDIR", &scratch)
            .args(&as_whom)
            .args(["--socket=s.sock", "--pid-file=s.pid", "--skip-name-resolve"])
            .arg(format!("--bind-address=127.0.0.1{}", if has_ipv6 { ",::1" } else { "" }))
            .arg(format!("--port={}", address.port()))
            .arg(format!("--init-file={}", init.display()))
            .args(["--innodb-buffer-pool-size=64M", "--innodb-log-file-size=16M"])
            .args(options)
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(folder.join("log")).expect("a log"))
            .spawn()
            .expect("mariadbd is installed");
        Self { process, folder, address, has_ipv6 }
    }

    pub(crate) fn admin_url(&self) -> String {
        format!("mysql://{ADMIN}:{PASSWORD}@{}/", self.address)
    }

    /// A connection whose session is as the server's defaults were when it began.
    pub(crate) async fn connect(&self) -> MySqlConnection {
        let started = Instant::now();
        loop {
            match Box::pin(MySqlConnection::connect(&self.admin_url())).await {
                Ok(connection) => return connection,
                Err(error) => assert!(started.elapsed() < LIMIT, "{error}: {}", self.folder.display()),
            }
            std::thread::sleep(PAUSE);
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

async fn set(connection: &mut MySqlConnection, settings: &[&str]) {
    for setting in settings {
        connection.execute(AssertSqlSafe(format!("SET GLOBAL {setting}"))).await.expect(setting);
    }
}

/// What a session sets for itself, each with a default that would break something.
const HOSTILE: [&str; 30] = [
    "autocommit = 0",
    "completion_type = 'CHAIN'",
    "tx_read_only = 1",
    "tx_isolation = 'READ-UNCOMMITTED'",
    "max_statement_time = 0.2",
    "sql_mode = ''",
    "time_zone = '+09:00'",
    "foreign_key_checks = 0",
    "unique_checks = 0",
    "check_constraint_checks = 0",
    "sql_safe_updates = 1",
    "sql_select_limit = 1",
    "max_join_size = 1",
    "max_sort_length = 64",
    "sql_quote_show_create = 0",
    "default_storage_engine = 'Aria'",
    "idle_transaction_timeout = 1",
    "idle_readonly_transaction_timeout = 1",
    "idle_write_transaction_timeout = 1",
    "lock_wait_timeout = 1",
    "innodb_lock_wait_timeout = 1",
    "wait_timeout = 1",
    "net_read_timeout = 1",
    "net_write_timeout = 1",
    "sql_big_selects = 0",
    "innodb_snapshot_isolation = OFF",
    "alter_algorithm = 'COPY'",
    "character_set_server = 'latin1'",
    "collation_server = 'latin1_german1_ci'",
    "collation_connection = 'latin1_german1_ci'",
];

/// What [`HOSTILE`] names, and whatever else a session sets, is as the program says, whatever the server's defaults are.
async fn settled(setting: &Setting) {
    let mut connection = ledger_database::connect(&setting.owner_url()).await.expect("MariaDB answers");
    let settings = SESSION_SETTINGS.split(", ").skip(1).map(|one| one.split_once(" = ").expect("a name and a value"));
    let further = [
        ("character_set_client", "utf8mb4"),
        ("character_set_connection", "utf8mb4"),
        ("character_set_results", "utf8mb4"),
        ("collation_connection", "utf8mb4_nopad_bin"),
        ("tx_isolation", "READ-COMMITTED"),
        ("tx_read_only", "0"),
        ("innodb_snapshot_isolation", "1"),
        ("alter_algorithm", "DEFAULT"),
    ];
    let expected: Vec<(&str, &str)> = settings.chain(further).collect();
    for (name, value) in &expected {
        let sql = format!("SELECT CAST(@@SESSION.{name} AS CHAR)");
        let found: String = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut connection).await.expect(name);
        let found = match found.as_str() {
            "ON" => "1",
            "OFF" => "0",
            found => found,
        };
        let value = value.trim_matches('\'');
        let is_number =
            matches!((found.parse::<f64>(), value.parse::<f64>()), (Ok(found), Ok(value)) if found == value);
        assert!(is_number || found == value, "{name}: expected {value}, found {found}");
    }
    let of_the_server = ["character_set_server", "collation_server"];
    for name in HOSTILE.iter().filter_map(|setting| setting.split_once(" = ")).map(|(name, _)| name) {
        let is_checked = expected.iter().any(|(checked, _)| *checked == name);
        assert!(is_checked || of_the_server.contains(&name), "{name} is looked at");
    }
    connection.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_session_cannot_set_is_named_and_what_it_can_is_set() {
    let server = Server::start();
    let mut root = server.connect().await;
    let setting = Setting::on("server", &server.admin_url());

    // A server with its defaults, and a binary log of statements: refused with both, before anything is made.
    set(&mut root, &["binlog_format = 'STATEMENT'"]).await;
    let packet =
        ["max_allowed_packet: expected at least 33554432, for large records, found 16777216", "max_allowed_packet=32M"];
    let format = ["binlog_format: expected ROW or MIXED, found STATEMENT", "binlog_format=ROW"];
    check("migrate", told(&setting.ledger(&["migrate"])), &[packet, format].concat());
    let databases: Vec<String> = sqlx::query_scalar("SHOW DATABASES").fetch_all(&mut root).await.expect("databases");
    assert!(!databases.contains(&setting.name), "{databases:?}");

    set(&mut root, &["binlog_format = 'ROW'", "max_allowed_packet = 33554432", "sync_binlog = 1"]).await;
    set(&mut root, &["read_only = 1"]).await;
    check("migrate", told(&setting.ledger(&["migrate"])), &["read_only: expected OFF, found ON"]);
    set(&mut root, &["read_only = 0"]).await;
    set(&mut root, &HOSTILE).await;
    let (exit, said) = told(&setting.ledger(&["migrate"]));
    assert_eq!(exit, 0, "{said}");
    settled(&setting).await;
    let projector = setting.project();
    fill(&setting, 1).await;
    wait_until_folded(&server, &setting).await;
    let outcome = told(&setting.ledger(&["verify"]));
    assert_eq!(outcome.0, 0, "{}", outcome.1);
    rebuild(&setting, &[], 0, "swapped");
    if server.has_ipv6 {
        let url = setting.variable("LEDGER_READER_DATABASE_URL").replace("127.0.0.1", "[::1]");
        let output = setting.ledger_with(&["status"], &[("LEDGER_READER_DATABASE_URL", &url)]);
        assert_eq!(told(&output).0, 0, "{}", told(&output).1);
    }
    assert_eq!(projector.stop().0, 0);

    // Back to defaults that the tests' own connections can bear.
    reset(&mut root).await;
    let before = contents(&setting).await;
    set(&mut root, &["binlog_format = 'STATEMENT'"]).await;
    check("project", project(&setting), &format);
    check("rebuild", told(&setting.ledger(&["rebuild", "--yes"])), &format);
    assert_eq!(contents(&setting).await, before);
    set(&mut root, &["binlog_format = 'MIXED'"]).await;
    let projector = setting.project();
    fill(&setting, 100_000).await;
    folded(&setting).await;
    flow::each_outcome_once(&setting);
    assert_eq!(projector.stop().0, 0);
    setting.finish().await;
}

/// The setting's own connections would have the hostile defaults: here is one that has not.
async fn wait_until_folded(server: &Server, setting: &Setting) {
    let mut root = ledger_database::connect(
        &ledger_database::DatabaseUrl::parse(&format!("{}{}", server.admin_url(), setting.name)).expect("valid"),
    )
    .await
    .expect("MariaDB answers");
    let ends: i64 = (0..crate::setting::PARTITIONS).map(|partition| crate::rebuild::end(setting, partition)).sum();
    let started = Instant::now();
    loop {
        let folded: Option<i64> = sqlx::query_scalar("SELECT CAST(SUM(next_offset) AS SIGNED) FROM positions")
            .fetch_one(&mut root)
            .await
            .expect("positions");
        let unpublished: i64 =
            sqlx::query_scalar("SELECT COUNT(*) FROM outbox").fetch_one(&mut root).await.expect("the outbox");
        if folded == Some(ends) && unpublished == 0 {
            return;
        }
        assert!(started.elapsed() < LIMIT, "folded {folded:?} of {ends}, unpublished {unpublished}");
        tokio::time::sleep(PAUSE).await;
    }
}

async fn reset(root: &mut MySqlConnection) {
    let names = HOSTILE.iter().filter_map(|setting| setting.split_once(" = ").map(|(name, _)| name));
    for name in names {
        let default = match name {
            "tx_isolation" => "'REPEATABLE-READ'",
            "time_zone" => "'SYSTEM'",
            _ => "DEFAULT",
        };
        set(root, &[&format!("{name} = {default}")]).await;
    }
}
