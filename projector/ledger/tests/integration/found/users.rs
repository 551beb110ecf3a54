//! How a user logs in is never changed unasked.

use super::{check, told};
use crate::setting::Setting;

#[tokio::test]
async fn a_user_that_logs_in_otherwise_is_named_and_left_alone() {
    let setting = Setting::migrated("plugin");
    setting.execute("INSTALL SONAME 'auth_ed25519'").await;
    let reader = format!("rdr_{}", setting.name);
    setting.execute(&format!("ALTER USER `{reader}` IDENTIFIED VIA ed25519 USING PASSWORD('x')")).await;
    let plugin = format!(
        "SELECT CAST(JSON_VALUE(Priv, '$.plugin') AS CHAR) FROM mysql.global_priv WHERE user = '{reader}' AND host = '%'"
    );
    let says = format!(
        "user {reader}: expected a login by mysql_native_password, found ed25519; it is not changed unasked: give it that by \
         `ALTER USER '{reader}'@'%' IDENTIFIED VIA mysql_native_password"
    );
    check("migrate", told(&setting.ledger(&["migrate"])), &[&says]);
    assert_eq!(setting.texts(&plugin).await, ["ed25519"]);
    let says = format!("wants user {reader} to log in by client_ed25519, which this program cannot");
    check("status", told(&setting.ledger(&["status"])), &[&says]);
    // Said to log in by a password of the server's own kind, it gets that of the URL.
    setting
        .execute(&format!("ALTER USER `{reader}` IDENTIFIED VIA mysql_native_password USING PASSWORD('other')"))
        .await;
    let (exit, said) = told(&setting.ledger(&["migrate"]));
    assert_eq!(exit, 0, "{said}");
    setting.database_as("LEDGER_READER_DATABASE_URL").await;
    setting.finish().await;
}
