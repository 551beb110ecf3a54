//! Flags of the commands that look at everything: where each part is, and which logins of the database are looked at. It must never need more than
//! what is given: one login is enough, and services and projector are asked where their addresses are named.

use std::time::Duration;

use clap::Args;
use ledger_database::requirements::Role;
use ledger_operator::doctor::{Login, Options, Part, PartKind};
use ledger_operator::rest::{Bearer, Client, RestError, ServiceUrl, Waits};
use ledger_tls::ClientFiles;

use crate::exit::CommandError;
use crate::flags::{Hidden, KafkaArgs, OutputTopicsArgs, database_url};
use crate::tls_flags::ClientTlsArgs;
use crate::usage::UsageError;

#[derive(Debug, Args)]
pub struct LookArgs {
    #[command(flatten)]
    pub kafka: KafkaArgs,
    #[command(flatten)]
    pub topics: OutputTopicsArgs,
    /// mysql://USER:PASSWORD@HOST:PORT/DATABASE of the reader; one of the three is enough, and each that is given is looked at
    #[arg(long, env = "LEDGER_READER_DATABASE_URL", hide_env_values = true)]
    pub reader_database_url: Option<Hidden>,
    /// The same, of the projector
    #[arg(long, env = "LEDGER_PROJECTOR_DATABASE_URL", hide_env_values = true)]
    pub projector_database_url: Option<Hidden>,
    /// The same, of the owner
    #[arg(long, env = "LEDGER_OWNER_DATABASE_URL", hide_env_values = true)]
    pub owner_database_url: Option<Hidden>,
    /// Where the gateway is, or one service; not asked where it is not given
    #[arg(long, env = "LEDGER_URL", value_name = "URL")]
    pub url: Option<ServiceUrl>,
    /// Where the projector answers (health, metrics, status); not asked where it is not given
    #[arg(long, env = "LEDGER_PROJECTOR_URL", value_name = "URL")]
    pub projector_url: Option<ServiceUrl>,
    /// An API key or a token of a reader, for their metrics. Better by the variable: other users of this machine can read a command line
    #[arg(long, env = "LEDGER_KEY", value_name = "KEY", hide_env_values = true)]
    pub key: Option<Hidden>,
    #[command(flatten)]
    pub tls: ClientTlsArgs,
}

impl LookArgs {
    /// # Errors
    /// [`CommandError`], where flags are wrong.
    pub fn options(self) -> Result<Options, CommandError> {
        let kafka = self.kafka.settings()?;
        let logins = [
            (Role::Owner, "--owner-database-url", "LEDGER_OWNER_DATABASE_URL", &self.owner_database_url),
            (
                Role::Projector,
                "--projector-database-url",
                "LEDGER_PROJECTOR_DATABASE_URL",
                &self.projector_database_url,
            ),
            (Role::Reader, "--reader-database-url", "LEDGER_READER_DATABASE_URL", &self.reader_database_url),
        ]
        .into_iter()
        .filter(|(.., url)| url.as_ref().is_some_and(|url| !url.expose().is_empty()))
        .map(|(role, flag, variable, url)| Ok(Login { role, url: database_url(flag, variable, url.as_ref())? }))
        .collect::<Result<Vec<Login>, UsageError>>()?;
        if logins.is_empty() {
            // It names the one that may do least.
            database_url("--reader-database-url", "LEDGER_READER_DATABASE_URL", None)?;
        }
        let given = self.key.as_ref().map(Hidden::expose).filter(|key| !key.is_empty());
        let bearer = given.map(Bearer::parse).transpose().map_err(RestError::from)?;
        let files = self.tls.files().map_err(UsageError::from)?;
        let urls = [(PartKind::Services, self.url), (PartKind::Projector, self.projector_url)];
        let urls: Vec<_> = urls.into_iter().filter_map(|(kind, url)| Some((kind, url?))).collect();
        // Files that an address in the clear has no use for are none of its business where another has; where none has, they are refused.
        let is_used = urls.iter().any(|(_, url)| url.is_secured());
        let part = |(kind, url): (PartKind, ServiceUrl)| {
            let files = if url.is_secured() || !is_used { files.clone() } else { ClientFiles::default() };
            let once = Waits { decision: Duration::ZERO, retries: Duration::ZERO };
            Ok(Part { kind, client: Client::new(url, &files, once)?.showing(bearer.clone()) })
        };
        let parts = urls.into_iter().map(part).collect::<Result<Vec<Part>, RestError>>()?;
        Ok(Options { kafka, topics: self.topics.named(self.kafka.orders_topic), logins, parts })
    }
}
