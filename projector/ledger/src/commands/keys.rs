//! `ledger keys create|list|revoke`: API keys of services and projector. It must never print a secret that it did not just make.

use chrono::Utc;
use clap::{Args, Subcommand};
use ledger_auth::key_table::Grant;
use ledger_auth::{KeyId, Role};
use ledger_operator::keys::{self, KeysError, Lifetime};
use ledger_schema::UserId;

use crate::exit::{CommandError, Done};
use crate::flags;
use crate::flags::{Hidden, OutputArgs};
use crate::output;
use crate::usage::UsageError;

#[derive(Debug, Args)]
pub struct KeysArgs {
    #[command(subcommand)]
    pub command: KeysCommand,
}

#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// Makes a key, and prints it once
    Create(CreateArgs),
    /// Lists all keys, without their secrets
    List(KeyOwnerArgs),
    /// Takes a key back, for good
    Revoke(RevokeArgs),
}

#[derive(Debug, Args)]
pub struct CreateArgs {
    /// What it allows: customer (orders and reads as its user), reader (reads everything), operator (everything)
    #[arg(long)]
    pub role: Role,
    /// The user of a customer's key
    #[arg(long, value_parser = user)]
    pub user: Option<UserId>,
    /// How long it works (90m, 12h, 30d), or until when (2027-01-31T00:00:00Z); default: until it is revoked
    #[arg(long, value_name = "DURATION_OR_TIME")]
    pub expires: Option<Lifetime>,
    #[command(flatten)]
    pub owner: KeyOwnerArgs,
}

#[derive(Debug, Args)]
pub struct RevokeArgs {
    /// The id of the key, as `ledger keys list` shows it
    #[arg(value_name = "ID", value_parser = key_id)]
    pub id: KeyId,
    #[command(flatten)]
    pub owner: KeyOwnerArgs,
}

#[derive(Debug, Args)]
pub struct KeyOwnerArgs {
    /// mysql://USER:PASSWORD@HOST:PORT/DATABASE of the owner
    #[arg(long, env = "LEDGER_OWNER_DATABASE_URL", hide_env_values = true)]
    pub owner_database_url: Option<Hidden>,
    #[command(flatten)]
    pub output: OutputArgs,
}

fn user(text: &str) -> Result<UserId, String> {
    UserId::parse(text).map_err(|violation| violation.to_string())
}

/// The whole key is not repeated where somebody gives it for its id.
fn key_id(text: &str) -> Result<KeyId, &'static str> {
    KeyId::parse(text)
        .ok_or("must be 16 digits of 0 to 9 and a to f: the part of a key between `ledger_` and the next `_`")
}

pub async fn run(args: KeysArgs) -> Result<Done, CommandError> {
    let url = |args: &KeyOwnerArgs| {
        flags::database_url("--owner-database-url", "LEDGER_OWNER_DATABASE_URL", args.owner_database_url.as_ref())
    };
    match args.command {
        KeysCommand::Create(args) => {
            let (owner, grant) = (url(&args.owner)?, grant(&args)?);
            output::print(&keys::create(&owner, &grant).await?, args.owner.output)?;
        }
        KeysCommand::List(args) => output::print(&keys::list(&url(&args)?).await?, args.output)?,
        KeysCommand::Revoke(RevokeArgs { id, owner }) => {
            output::print(&keys::revoke(&url(&owner)?, &id).await?, owner.output)?;
        }
    }
    Ok(Done::Ok)
}

fn grant(args: &CreateArgs) -> Result<Grant, CommandError> {
    if (args.role == Role::Customer) != args.user.is_some() {
        return Err(UsageError::UserOfRole { role: args.role.as_str(), has_user: args.user.is_some() }.into());
    }
    let end = |lifetime: Lifetime| {
        lifetime.end(Utc::now()).ok_or_else(|| KeysError::InThePast { given: lifetime.to_string() })
    };
    Ok(Grant { role: args.role, user: args.user.clone(), expires_at: args.expires.map(end).transpose()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_of_customers_alone() {
        let args = |role, named: Option<&str>| CreateArgs {
            role,
            user: named.map(|name| user(name).expect("a user")),
            expires: None,
            owner: KeyOwnerArgs { owner_database_url: None, output: OutputArgs { output: None } },
        };
        assert!(grant(&args(Role::Customer, Some("ann"))).is_ok() && grant(&args(Role::Reader, None)).is_ok());
        for (role, named) in [(Role::Customer, None), (Role::Operator, Some("ann")), (Role::Reader, Some("ann"))] {
            let error = grant(&args(role, named)).expect_err("refused").to_string();
            assert!(error.contains("--user is of a customer's key"), "{error}");
        }
    }

    #[test]
    fn a_whole_key_is_no_id_and_is_not_repeated() {
        assert!(key_id("0123456789abcdef").is_ok());
        assert!(!key_id("ledger_0123456789abcdef_secret").expect_err("no id").contains("secret"));
    }
}
