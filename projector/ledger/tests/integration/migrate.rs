//! `ledger migrate` and `ledger status` from outside.

use serde_json::Value;
use sqlx::{Connection, Executor};

use crate::setting::{PARTITIONS, Setting, code, last_line, product_in, receipt, stderr};

/// How many there are.
const MIGRATIONS: i64 = 31;

fn steps(setting: &Setting, further: &[(&str, &str)]) -> Vec<(String, String)> {
    let output = setting.ledger_with(&["migrate", "--output", "json"], further);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let text = |step: &Value, field: &str| step[field].as_str().expect("text").to_owned();
    report["steps"].as_array().expect("steps").iter().map(|step| (text(step, "what"), text(step, "outcome"))).collect()
}

/// Everything that a second run could change.
async fn shape(setting: &Setting) -> Vec<String> {
    let tables = "SELECT CONCAT_WS(' ', table_name, create_time) FROM information_schema.tables \
         WHERE table_schema = DATABASE() ORDER BY 1";
    let applied = "SELECT CONCAT_WS(' ', version, success, installed_on) FROM _sqlx_migrations ORDER BY version";
    let rights = "SELECT CONCAT_WS(' ', grantee, table_name, privilege_type) FROM information_schema.table_privileges \
         WHERE table_schema = DATABASE() ORDER BY 1";
    [setting.texts(tables).await, setting.texts(applied).await, setting.texts(rights).await].concat()
}

#[tokio::test]
async fn the_second_run_changes_nothing() {
    let setting = Setting::new("twice");
    let first = steps(&setting, &[]);
    assert!(first.iter().any(|(_, outcome)| outcome == "created"));
    assert!(first.iter().all(|(_, outcome)| outcome != "skipped" && outcome != "changed"), "{first:?}");
    let before = shape(&setting).await;
    for (what, outcome) in steps(&setting, &[]) {
        let expected = if what.starts_with("rights") { "ensured" } else { "unchanged" };
        assert_eq!(outcome, expected, "{what}");
    }
    assert_eq!(shape(&setting).await, before);
    setting.finish().await;
}

#[tokio::test]
async fn an_existing_user_gets_the_new_password() {
    let setting = Setting::migrated("password");
    let other = setting.variable("LEDGER_READER_DATABASE_URL").replace("a%27b%5C%20c", "new");
    let changed = steps(&setting, &[("LEDGER_READER_DATABASE_URL", &other)]);
    assert!(changed.contains(&(format!("user rdr_{}", setting.name), "changed".to_owned())), "{changed:?}");
    let status = setting.ledger(&["status"]);
    assert_eq!(code(&status), 1, "the old password is refused");
    assert!(last_line(&status).contains("refuses user rdr_"), "{}", stderr(&status));
    setting.finish().await;
}

#[tokio::test]
async fn an_interrupted_migration_is_run_again() {
    let setting = Setting::migrated("dirty");
    setting.execute("UPDATE _sqlx_migrations SET success = FALSE WHERE version = 6").await;
    let (exit, said) = setting.refused(&[]);
    assert_eq!((exit, said.as_str()), (1, "ledger: migration 6 was interrupted: run `ledger migrate`"));
    setting.execute("DROP TABLE outbox").await;
    setting.execute("UPDATE _sqlx_migrations SET success = FALSE WHERE version > 6").await;
    steps(&setting, &[]);
    assert_eq!(setting.number("SELECT COUNT(*) FROM outbox").await, 0);
    assert_eq!(setting.number("SELECT COUNT(*) FROM _sqlx_migrations WHERE success").await, MIGRATIONS);
    setting.finish().await;
}

#[tokio::test]
async fn tables_from_before_the_generations_are_the_first_one() {
    let setting = Setting::migrated("before");
    // As they were before migration 8, with a position.
    setting
        .execute("ALTER TABLE positions DROP COLUMN generation, DROP COLUMN fold_version, DROP COLUMN generation_id")
        .await;
    setting.execute("DROP TABLE generations, generation_guard, generation_numbers, furthest_positions").await;
    setting.execute("DELETE FROM _sqlx_migrations WHERE version >= 8").await;
    setting.execute("INSERT INTO positions VALUES ('t', 0, 7, 'c', 'i', 1)").await;
    let position = "SELECT CONCAT_WS(' ', next_offset, generation, fold_version) FROM positions";
    for _ in 0..2 {
        steps(&setting, &[]);
        assert_eq!(setting.texts(position).await, ["7 1 1"]);
        // The second time as after a migration that did its work and died before it was marked.
        setting.execute("UPDATE _sqlx_migrations SET success = FALSE WHERE version >= 8").await;
    }
    steps(&setting, &[]);
    assert_eq!(setting.number("SELECT COUNT(*) FROM _sqlx_migrations WHERE success").await, MIGRATIONS);
    setting.finish().await;
}

#[tokio::test]
async fn each_user_may_do_its_own_work_and_no_more() {
    let setting = Setting::migrated("rights");
    let refused: [(&str, &[&str]); 2] = [
        (
            "LEDGER_PROJECTOR_DATABASE_URL",
            &[
                "DROP TABLE orders",
                "DELETE FROM orders",
                "DELETE FROM reservations",
                "UPDATE open_orders SET due_at = NOW()",
                "DELETE FROM positions",
                "UPDATE dead_letters SET reason = ''",
                "ALTER TABLE orders ADD x INT",
                "CREATE TABLE x (n INT)",
                "UPDATE generations SET state = 'dropped'",
                "DELETE FROM generation_guard",
                "UPDATE generation_guard SET swapping = TRUE",
                "DELETE FROM furthest_positions",
                "INSERT INTO skips VALUES ('t', 0, 0, 'r', 'b', NOW(6))",
                "DELETE FROM skips",
                "DELETE FROM generation_numbers",
                "INSERT INTO _sqlx_migrations VALUES (9, '', NOW(), 1, '', 0)",
                "GRANT SELECT ON orders TO root",
            ],
        ),
        (
            "LEDGER_READER_DATABASE_URL",
            &[
                "INSERT INTO stock VALUES ('x', 1, 0, 0)",
                "UPDATE stock SET available = 1",
                "DELETE FROM stock",
                "DROP TABLE stock",
                "SELECT * FROM outbox",
                "INSERT INTO generation_guard VALUES (1, 1, '', 1, '', NOW(), FALSE)",
                "UPDATE furthest_positions SET next_offset = 0",
                "UPDATE furthest_positions SET is_paused = TRUE",
                "INSERT INTO skips VALUES ('t', 0, 0, 'r', 'b', NOW(6))",
            ],
        ),
    ];
    for (variable, statements) in refused {
        let mut database = setting.database_as(variable).await;
        for statement in statements {
            let error = database.execute(*statement).await.expect_err(statement);
            let number = ledger_database::number_of(&error);
            assert!(matches!(number, Some(1142 | 1044 | 1045)), "{statement}: {error}");
        }
        let tables = ["orders", "stock", "stock_movements", "reservations", "open_orders", "dead_letters", "positions"];
        for table in tables.into_iter().chain(["generations", "generation_guard", "furthest_positions", "skips"]) {
            let query = sqlx::AssertSqlSafe(format!("SELECT COUNT(*) FROM {table}"));
            database.execute(query).await.expect("readable");
        }
    }
    setting.finish().await;
}

#[tokio::test]
async fn a_wrong_topic_is_refused_by_name_and_left_alone() {
    let setting = Setting::new("wrongtopic");
    let topic = setting.topic("orders");
    setting.create_topic(&topic, PARTITIONS, &[("retention.ms", "60000")]).await;
    let output = setting.ledger(&["migrate"]);
    let says = format!("ledger: topic {topic} has the wrong retention.ms: expected -1, found 60000; ");
    assert_eq!(code(&output), 1);
    assert!(last_line(&output).starts_with(&says), "{}", last_line(&output));
    setting.delete_topic(&topic).await;
    setting.create_topic(&topic, PARTITIONS + 1, &[]).await;
    let output = setting.ledger(&["migrate"]);
    let says = format!("ledger: topic {topic} has the wrong partition count: expected 4, found 5; ");
    assert_eq!(code(&output), 1);
    assert!(last_line(&output).starts_with(&says), "{}", last_line(&output));
    setting.delete_topic(&topic).await;
    // Keyed by order and product: compaction would keep the last outcome of each.
    for (which, found, expected) in
        [("orders", "compact", "delete"), ("outcomes", "compact", "delete"), ("cursors", "delete", "compact")]
    {
        let topic = setting.topic(which);
        setting.create_topic(&topic, PARTITIONS, &[("cleanup.policy", found), ("retention.ms", "-1")]).await;
        let output = setting.ledger(&["migrate"]);
        let says = format!("ledger: topic {topic} has the wrong cleanup.policy: expected {expected}, found {found}; ");
        assert_eq!(code(&output), 1);
        assert!(last_line(&output).starts_with(&says), "{}", last_line(&output));
        setting.delete_topic(&topic).await;
    }
    // Nothing was changed, neither in Kafka nor in the database.
    let url = setting.variable("LEDGER_ADMIN_DATABASE_URL").replace(&setting.name, "");
    let mut server = Box::pin(sqlx::MySqlConnection::connect(&url)).await.expect("MariaDB answers");
    let databases: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name = ?")
        .bind(&setting.name)
        .fetch_one(&mut server)
        .await
        .expect("MariaDB answers");
    assert_eq!(databases, 0);
    setting.finish().await;
}

#[tokio::test]
async fn topics_are_timed_by_the_broker_and_others_are_told_of() {
    let setting = Setting::new("clocks");
    let topic = setting.topic("outcomes");
    setting.create_topic(&topic, PARTITIONS, &[("message.timestamp.type", "CreateTime")]).await;
    let output = setting.ledger(&["migrate", "--output", "table"]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let said = String::from_utf8(output.stdout).expect("UTF-8");
    let says =
        format!("topic {topic} has the wrong message.timestamp.type: expected LogAppendTime, found CreateTime; ");
    assert!(said.contains(&says) && said.contains("kafka-configs"), "{said}");
    // Two hours ahead is refused where the writer's clock counts; years are nothing where the broker's does.
    let product = product_in(1, "bar");
    let far_ms = 4_102_444_800_000;
    for which in ["orders", "dead-letters", "cursors"] {
        let name = setting.topic(which);
        setting.append_at(&name, far_ms, &product, &receipt(1, &product, 1)).await.expect(which);
    }
    let refused = setting.append_at(&topic, far_ms, &product, "{}").await.expect_err("each writer's clock");
    assert!(refused.to_string().contains("InvalidTimestamp"), "{refused}");
    setting.finish().await;
}

#[tokio::test]
async fn a_role_without_a_url_is_skipped_and_said() {
    let setting = Setting::new("skipped");
    let done = steps(&setting, &[("LEDGER_READER_DATABASE_URL", ""), ("LEDGER_OWNER_DATABASE_URL", "")]);
    let skipped: Vec<_> =
        done.iter().filter(|(_, outcome)| outcome == "skipped").map(|(what, _)| what.as_str()).collect();
    assert_eq!(skipped, ["user of the owner", "user of the reader", "rights of ledger_reader"]);
    // Without the administrator the owner's login has to do: here it is missing, too.
    let output =
        setting.ledger_with(&["migrate"], &[("LEDGER_OWNER_DATABASE_URL", ""), ("LEDGER_ADMIN_DATABASE_URL", "")]);
    assert_eq!(code(&output), 1);
    assert!(last_line(&output).contains("--owner-database-url or --admin-database-url"), "{}", stderr(&output));
    setting.finish().await;
}

#[tokio::test]
async fn wrong_usage_is_2_and_shows_no_secret() {
    let setting = Setting::new("usage");
    for (args, variable, value) in [
        (&["status"][..], "LEDGER_READER_DATABASE_URL", ""),
        (&["status"], "LEDGER_READER_DATABASE_URL", "hunter2"),
        (&["status"], "LEDGER_READER_DATABASE_URL", "mysql://u:hunter2@127.0.0.1:1"),
        (&["status"], "LEDGER_READER_DATABASE_URL", "mysql://u:hunter2@127.0.0.1:1/d?charset=latin1"),
        (&["status"], "LEDGER_READER_DATABASE_URL", "mysql://u:hunter2@127.0.0.1:1/d?ssl-ca=/none"),
        (&["status"], "LEDGER_READER_DATABASE_URL", "mysql://u:hunter2@127.0.0.1:1/d?nosuch=hunter2"),
        (&["status"], "LEDGER_KAFKA_PROPERTIES", "hunter2"),
        (&["status"], "LEDGER_KAFKA_PROPERTIES", "sasl.password=hunt,hunter2"),
        (&["status"], "LEDGER_KAFKA_PROPERTIES", "sasl.password=\"hunter2"),
        (&["status"], "LEDGER_KAFKA_PROPERTIES_FILE", "/no/such/file"),
        (&["migrate"], "LEDGER_ADMIN_DATABASE_URL", "postgres://u:hunter2@127.0.0.1/x"),
        (&["project", "--help-me"], "LEDGER_LOG", "info"),
    ] {
        let output = setting.ledger_with(args, &[(variable, value)]);
        assert_eq!(code(&output), 2, "{variable}={value}: {}", stderr(&output));
        assert!(!stderr(&output).contains("hunter2"), "{}", stderr(&output));
    }
    for command in ["project", "migrate", "status"] {
        let help = setting.ledger(&[command, "--help"]);
        let help = String::from_utf8_lossy(&help.stdout).into_owned();
        assert!(!help.contains("a%27b%5C%20c"), "{help}");
    }
    setting.finish().await;
}

#[tokio::test]
async fn what_a_restored_database_has_to_catch_up_with_is_written_down() {
    let setting = Setting::with_positions("restored").await;
    let product = product_in(1, "bar");
    setting.append_event(&product, &receipt(1, &product, 10)).await;
    let furthest = "SELECT SUM(next_offset) FROM furthest_positions";
    let sum = format!("SELECT CAST(({furthest}) AS SIGNED)");
    steps(&setting, &[]);
    assert_eq!(setting.number(&sum).await, 0, "a migration of a database that has positions raises nothing");
    let restored = setting.ledger(&["migrate", "--restored"]);
    assert_eq!(code(&restored), 0, "{}", stderr(&restored));
    assert_eq!(setting.number(&sum).await, 1);
    setting.finish().await;
}
