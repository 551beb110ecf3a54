//! The database that is not as the program left it: tables that somebody changed or dropped, rows that are gone, users that log in
//! otherwise, a server with other settings. Each is named before anything is changed, or made good.

mod lost;
pub(crate) mod server;
mod users;

use std::process::Output;

use sqlx::{Connection, Executor};

use crate::setting::{Setting, code, free_address, stderr};

/// Exit code and all that is said.
fn told(output: &Output) -> (i32, String) {
    (code(output), stderr(output))
}

/// `ledger project`, where it has to refuse.
fn project(setting: &Setting) -> (i32, String) {
    told(&setting.ledger(&["project", "--listen", &free_address().to_string()]))
}

/// Refused by name: exit code 1, and all of `says`.
fn check(command: &str, (exit, said): (i32, String), says: &[&str]) {
    assert_eq!(exit, 1, "{command}: {said}");
    for part in says {
        assert!(said.contains(part), "{command}: expected {part}\nfound {said}");
    }
}

#[tokio::test]
async fn the_tables_are_as_they_are_written_down() {
    let setting = Setting::migrated("writtendown");
    let mut connection = ledger_database::connect(&setting.owner_url()).await.expect("MariaDB answers");
    let found = ledger_database::requirements::describe(&mut connection).await.expect("a description");
    let written = include_str!("../../../../schema/tables.txt");
    let written: Vec<&str> = written.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    assert_eq!(found.lines().collect::<Vec<_>>(), written, "{found}");
    setting.finish().await;
}

/// What somebody does to the tables, what takes it back, what is said, and whether the projector's user can see it, too.
type Change = (&'static str, &'static str, &'static [&'static str], bool);

const CHANGES: [Change; 9] = [
    (
        "CREATE TABLE products (id VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin PRIMARY KEY); \
         ALTER TABLE orders ADD CONSTRAINT of_product FOREIGN KEY (product_id) REFERENCES products (id)",
        "ALTER TABLE orders DROP FOREIGN KEY of_product, DROP KEY of_product; DROP TABLE products",
        &[
            "table orders, foreign key of_product: expected none, found FOREIGN KEY (`product_id`) REFERENCES `products` (`id`); drop it",
        ],
        true,
    ),
    (
        "CREATE TABLE invoices (id BINARY(16) PRIMARY KEY, CONSTRAINT of_order FOREIGN KEY (id) REFERENCES orders (order_id))",
        "DROP TABLE invoices",
        &[
            "table orders, foreign key of_order of table invoices: expected none, found one that refers to orders; drop it",
        ],
        false,
    ),
    (
        "CREATE TRIGGER told AFTER INSERT ON orders FOR EACH ROW SET @told = 1",
        "DROP TRIGGER told",
        &["table orders, trigger told: expected none, found one AFTER INSERT; drop it"],
        false,
    ),
    (
        "ALTER TABLE orders ADD COLUMN shop INT NOT NULL",
        "ALTER TABLE orders DROP COLUMN shop",
        &["table orders, column shop: expected no such column, or one with a default, found int(11) not null; drop it"],
        true,
    ),
    (
        "ALTER TABLE stock ENGINE = Aria",
        "ALTER TABLE stock ENGINE = InnoDB",
        &["table stock: expected BASE TABLE of engine InnoDB, found BASE TABLE of engine Aria;"],
        true,
    ),
    (
        "ALTER TABLE stock DROP CONSTRAINT stock_never_negative",
        "ALTER TABLE stock ADD CONSTRAINT stock_never_negative CHECK (available >= 0)",
        &[
            "table stock, check stock_never_negative: expected (`available` >= 0), found none; add it again: CONSTRAINT stock_never_negative CHECK (`available` >= 0)",
        ],
        true,
    ),
    (
        "ALTER TABLE orders ADD UNIQUE KEY one_each (user_id, product_id, kafka_offset)",
        "ALTER TABLE orders DROP KEY one_each",
        &["table orders, unique key one_each: expected none, found (`user_id`,`product_id`,`kafka_offset`); drop it"],
        true,
    ),
    (
        "ALTER TABLE orders MODIFY product_id VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci NOT NULL",
        "ALTER TABLE orders MODIFY product_id VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL",
        &[
            "table orders, column product_id: expected varchar(64) utf8mb4_nopad_bin not null, found varchar(64) utf8mb4_general_ci not null;",
        ],
        true,
    ),
    // All that is wrong, at once.
    (
        "ALTER TABLE orders ADD COLUMN shop INT NOT NULL; ALTER TABLE stock DROP CONSTRAINT stock_never_negative",
        "ALTER TABLE orders DROP COLUMN shop; ALTER TABLE stock ADD CONSTRAINT stock_never_negative CHECK (available >= 0)",
        &["in 2 ways:", "table orders, column shop: ", "table stock, check stock_never_negative: "],
        true,
    ),
];

#[tokio::test]
async fn tables_that_somebody_changed_are_named_before_anything_is_done() {
    let setting = Setting::with_positions("changed").await;
    let mut database = setting.database().await;
    for (change, back, says, is_seen) in CHANGES {
        database.execute(change).await.expect(change);
        check("migrate", told(&setting.ledger(&["migrate"])), says);
        check("rebuild", told(&setting.ledger(&["rebuild", "--yes"])), says);
        check("rollback", told(&setting.ledger(&["rollback", "--yes"])), says);
        if is_seen {
            check("project", project(&setting), says);
        }
        database.execute(back).await.expect(back);
    }
    assert_eq!(setting.number("SELECT COUNT(*) FROM generations").await, 0, "nothing was begun");
    // A column that may be left out, and an index more or less, are no harm.
    setting.execute("ALTER TABLE orders ADD COLUMN shop INT NOT NULL DEFAULT 1, DROP KEY orders_listed").await;
    let (exit, _) = told(&setting.ledger(&["migrate"]));
    let output = setting.ledger(&["migrate", "--output", "table"]);
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(exit == 0 && shown.contains("table orders, key orders_listed") && shown.contains("warning"), "{shown}");
    database.close().await.expect("MariaDB answers");
    setting.finish().await;
}

#[tokio::test]
async fn a_guard_whose_host_died_is_named_with_the_kill_that_frees_it() {
    let setting = Setting::with_positions("deadguard").await;
    let mut held = setting.database_as("LEDGER_OWNER_DATABASE_URL").await;
    let got: i64 = sqlx::query_scalar("SELECT CAST(GET_LOCK(CONCAT('ledger.rebuild.', DATABASE()), 1) AS SIGNED)")
        .fetch_one(&mut held)
        .await
        .expect("the lock");
    let id: i64 =
        sqlx::query_scalar("SELECT CAST(CONNECTION_ID() AS SIGNED)").fetch_one(&mut held).await.expect("an id");
    assert_eq!(got, 1);
    let user = format!("(database connection {id} of user own_{} from 127.0.0.1:", setting.name);
    let kill = format!("`KILL {id}`, by the owner's login or an administrator's, frees it");
    check(
        "rebuild",
        told(&setting.ledger(&["rebuild", "--yes"])),
        &["holds the guard of the generations", &user, "silent for", &kill],
    );
    setting
        .database_as("LEDGER_OWNER_DATABASE_URL")
        .await
        .execute(sqlx::AssertSqlSafe(format!("KILL {id}")))
        .await
        .expect("killed");
    let (_, said) = told(&setting.ledger(&["rebuild", "--yes"]));
    assert!(!said.contains("holds the guard"), "{said}");
    setting.finish().await;
}
