//! How a user logs in is never changed unasked.

use sqlx::{AssertSqlSafe, Executor, MySqlConnection};

use super::{check, told};
use crate::setting::Setting;

/// Where a package with it is installed, and the server is new enough.
async fn has_plugin(database: &mut MySqlConnection, library: &str, plugin: &str) -> bool {
    // It may be there already.
    let _ = database.execute(AssertSqlSafe(format!("INSTALL SONAME '{library}'"))).await;
    let found = "SELECT EXISTS (SELECT 1 FROM information_schema.plugins WHERE plugin_name = ?)";
    sqlx::query_scalar(found).bind(plugin).fetch_one(database).await.expect("the plugins")
}

#[tokio::test]
async fn a_user_that_logs_in_otherwise_is_named_and_left_alone() {
    let setting = Setting::migrated("plugin");
    let mut database = setting.database().await;
    let reader = format!("rdr_{}", setting.name);
    let used = format!(
        "SELECT CAST(JSON_VALUE(Priv, '$.plugin') AS CHAR) FROM mysql.global_priv WHERE user = '{reader}' AND host = '%'"
    );
    let mut ways = vec![("unix_socket", "VIA unix_socket", format!("refuses user {reader}"))];
    for (library, plugin, identified, asked_for) in [
        ("auth_ed25519", "ed25519", "VIA ed25519 USING PASSWORD('x')", "client_ed25519"),
        ("auth_parsec", "parsec", "VIA parsec USING PASSWORD('x')", "parsec"),
    ] {
        if has_plugin(&mut database, library, plugin).await {
            let says = format!("wants user {reader} to log in by {asked_for}, which this program cannot");
            ways.push((plugin, identified, says));
        }
    }
    for (plugin, identified, refused) in ways {
        let change = format!("ALTER USER `{reader}` IDENTIFIED {identified}");
        database.execute(AssertSqlSafe(change)).await.expect("changed");
        let says = format!(
            "user {reader}: expected a login by mysql_native_password, found {plugin}; it is not changed unasked: give it that by \
             `ALTER USER '{reader}'@'%' IDENTIFIED VIA mysql_native_password"
        );
        check("migrate", told(&setting.ledger(&["migrate"])), &[&says]);
        assert_eq!(setting.texts(&used).await, [plugin]);
        check("status", told(&setting.ledger(&["status"])), &[&refused]);
    }
    // Said to log in by a password of the server's own kind, it gets that of the URL.
    setting
        .execute(&format!("ALTER USER `{reader}` IDENTIFIED VIA mysql_native_password USING PASSWORD('other')"))
        .await;
    let (exit, said) = told(&setting.ledger(&["migrate"]));
    assert_eq!(exit, 0, "{said}");
    setting.database_as("LEDGER_READER_DATABASE_URL").await;
    setting.finish().await;
}
