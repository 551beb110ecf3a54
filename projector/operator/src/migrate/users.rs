//! Database and users, by the administrator's login. Passwords come from the role URLs and are put into statements, since
//! CREATE USER takes no parameters; they must never reach a log or an error.

use ledger_database::requirements::Problem;
use ledger_database::{DatabaseUrl, Watched, number_of};
use sqlx::{AssertSqlSafe, Executor};

use super::error::MigrateError;
use super::options::MigrateOptions;
use super::report::{Step, StepOutcome};

/// What this program can log in by.
const NATIVE: &str = "mysql_native_password";

/// Creates what is missing: the database, the users of the roles whose URLs are given, the owner's rights.
///
/// # Errors
/// Of the first statement that fails.
pub async fn create(admin: &DatabaseUrl, database: &str, options: &MigrateOptions) -> Result<Vec<Step>, MigrateError> {
    let mut connection = ledger_database::connect(&admin.with_database(None)).await?;
    let mut steps = vec![create_database(&mut connection, database).await?];
    let roles = [("owner", &options.owner), ("projector", &options.projector), ("reader", &options.reader)];
    for (role, url) in roles {
        steps.push(match url {
            Some(url) => create_user(&mut connection, url).await?,
            None => Step::new(
                format!("user of the {role}"),
                StepOutcome::Skipped,
                format!("no URL of the {role} was given"),
            ),
        });
    }
    if let Some(owner) = &options.owner {
        steps.push(grant_to_owner(&mut connection, database, owner.user()).await?);
    }
    Ok(steps)
}

async fn create_database(connection: &mut Watched, database: &str) -> Result<Step, MigrateError> {
    let text = format!(
        "CREATE DATABASE IF NOT EXISTS {} CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin",
        quoted_name(database)
    );
    let exists = database_exists(connection, database).await?;
    connection.execute(AssertSqlSafe(text)).await.map_err(MigrateError::sql("creating the database"))?;
    Ok(Step::new(format!("database {database}"), created(!exists), ""))
}

/// Whether the database is there, as far as the login may know.
pub(super) async fn database_exists(connection: &mut Watched, database: &str) -> Result<bool, MigrateError> {
    sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM information_schema.schemata WHERE schema_name = ?)")
        .bind(database)
        .fetch_one(connection)
        .await
        .map_err(MigrateError::sql("looking for the database"))
}

fn created(new: bool) -> StepOutcome {
    if new { StepOutcome::Created } else { StepOutcome::Unchanged }
}

/// Users of the URLs that are there, cannot log in, and log in by something else than a password of the server's own kind: to set
/// that password would change how they do.
pub(super) async fn other_plugins(
    connection: &mut Watched,
    options: &MigrateOptions,
) -> Result<Vec<Problem>, MigrateError> {
    let mut problems = Vec::new();
    for url in [&options.owner, &options.projector, &options.reader].into_iter().flatten() {
        let user = url.user();
        // Several ways may be given to one user: the first is here, the others are in a list.
        let found: Option<(Option<String>, bool)> = sqlx::query_as(
            "SELECT JSON_VALUE(Priv, '$.plugin'), JSON_EXISTS(Priv, '$.auth_or') FROM mysql.global_priv \
             WHERE user = ? AND host = '%'",
        )
        .bind(user)
        .fetch_optional(&mut *connection)
        .await
        .map_err(MigrateError::sql(format!("looking for user {user}")))?;
        let Some((plugin, has_others)) = found else { continue };
        let plugin = plugin.filter(|plugin| !plugin.is_empty()).unwrap_or_else(|| NATIVE.to_owned());
        let is_native = plugin == NATIVE && !has_others;
        if !is_native && ledger_database::connect(&url.with_database(None)).await.is_err() {
            let found = if has_others { format!("{plugin}, among others") } else { plugin };
            let remedy = format!(
                "it is not changed unasked: give it that by `ALTER USER {} IDENTIFIED VIA {NATIVE} USING PASSWORD('..')`, \
                 or name another user in its URL",
                quoted_user(user)
            );
            problems.push(Problem::new(format!("user {user}"), format!("a login by {NATIVE}"), found, remedy));
        }
    }
    Ok(problems)
}

/// Creates the user of a URL, or gives an existing one the URL's password: its login is by a password already
/// ([`other_plugins`]).
async fn create_user(connection: &mut Watched, url: &DatabaseUrl) -> Result<Step, MigrateError> {
    let user = url.user();
    let what = format!("user {user}");
    // Who can log in is as it should be; looking first keeps a second run from changing anything.
    if ledger_database::connect(&url.with_database(None)).await.is_ok() {
        return Ok(Step::new(what, StepOutcome::Unchanged, ""));
    }
    let exists: bool = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM mysql.user WHERE user = ? AND host = '%')")
        .bind(user)
        .fetch_one(&mut *connection)
        .await
        .map_err(MigrateError::sql(format!("looking for user {user}")))?;
    let identified = format!("{} IDENTIFIED BY {}", quoted_user(user), quoted_text(url.password()));
    let verb = if exists { "ALTER USER" } else { "CREATE USER IF NOT EXISTS" };
    if let Err(error) = connection.execute(AssertSqlSafe(format!("{verb} {identified}"))).await {
        return Err(match number_of(&error) {
            Some(number) => MigrateError::User { user: user.to_owned(), number },
            None => MigrateError::sql(format!("creating user {user}"))(error),
        });
    }
    let (outcome, note) = if exists { (StepOutcome::Changed, "password set") } else { (StepOutcome::Created, "") };
    Ok(Step::new(what, outcome, note))
}

/// The owner may do everything in this database, and pass rights on.
async fn grant_to_owner(connection: &mut Watched, database: &str, owner: &str) -> Result<Step, MigrateError> {
    let text =
        format!("GRANT ALL PRIVILEGES ON {}.* TO {} WITH GRANT OPTION", quoted_pattern(database), quoted_user(owner));
    connection.execute(AssertSqlSafe(text)).await.map_err(MigrateError::sql("granting rights to the owner"))?;
    Ok(Step::new(format!("rights of {owner}"), StepOutcome::Ensured, "all of the database"))
}

/// A name in backticks.
pub(super) fn quoted_name(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// A database name where the server takes a pattern: `_` and `%` would match other databases, too.
fn quoted_pattern(name: &str) -> String {
    quoted_name(&name.replace('\\', "\\\\").replace('_', "\\_").replace('%', "\\%"))
}

/// `'name'@'%'`.
pub(super) fn quoted_user(name: &str) -> String {
    format!("{}@'%'", quoted_text(name))
}

/// A text literal. Sessions are without NO_BACKSLASH_ESCAPES (`connect.rs` of `ledger-database`), so a backslash must be doubled.
fn quoted_text(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoting_leaves_no_way_out() {
        assert_eq!(quoted_text(r"a'b\'c\"), r"'a''b\\''c\\'");
        assert_eq!(quoted_user("u'@'x"), "'u''@''x'@'%'");
        assert_eq!(quoted_name("a`b"), "`a``b`");
        assert_eq!(quoted_pattern("my_db%"), r"`my\_db\%`");
    }
}
