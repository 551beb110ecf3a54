//! MariaDB by TLS, as database URLs ask for it: what is got, what is refused and how that is said, files that are renewed while both
//! sides run, and a silence on a connection that nobody can look into.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use ledger_database::{DatabaseError, DatabaseUrl, Watched};
use ledger_test_certificates::{Authority, Folder, Identity};
use sqlx::{AssertSqlSafe, Executor, MySqlConnection};

use crate::found::server::Server;
use crate::setting::{Setting, code, stderr};
use crate::silent_proxy::{SilentProxy, Swallow};

/// A server with TLS, and its files.
struct Secured {
    folder: Folder,
    ours: Authority,
    ca: PathBuf,
    server: Server,
    root: MySqlConnection,
}

fn here(authority: &Authority) -> Identity {
    authority.identity(&["localhost", "127.0.0.1"])
}

impl Secured {
    async fn start() -> Self {
        let (folder, ours) = (Folder::new("database-tls"), Authority::new("ours"));
        let ca = folder.write("ca.pem", &ours.certificate);
        let (certificate, key) = folder.write_identity("server", &here(&ours));
        let option = |name: &str, path: &Path| format!("--{name}={}", path.display());
        let tls = [option("ssl-ca", &ca), option("ssl-cert", &certificate), option("ssl-key", &key)];
        let options = [&tls[..], &["--max-allowed-packet=64M".to_owned()]].concat();
        let server = Server::with(&options.iter().map(String::as_str).collect::<Vec<_>>());
        let root = server.connect().await;
        Self { folder, ours, ca, server, root }
    }

    /// The server shows another certificate from now on, as somebody renews one.
    async fn renew(&mut self, identity: &Identity) {
        self.folder.write_identity("server", identity);
        self.root.execute("FLUSH SSL").await.expect("new files");
    }

    fn url(&self, query: &str) -> String {
        format!("{}mysql{query}", self.server.admin_url())
    }

    async fn connect(&self, query: &str) -> Result<Watched, DatabaseError> {
        connect(&self.url(query)).await
    }

    fn verified(&self) -> String {
        format!("?ssl-mode=VERIFY_IDENTITY&ssl-ca={}", self.ca.display())
    }
}

async fn connect(url: &str) -> Result<Watched, DatabaseError> {
    ledger_database::connect(&DatabaseUrl::parse(url).expect(url)).await
}

/// Whether what it says goes by TLS.
async fn is_by_tls(connection: &mut Watched) -> bool {
    let (_, cipher): (String, String) =
        sqlx::query_as("SHOW SESSION STATUS LIKE 'Ssl_cipher'").fetch_one(connection).await.expect("a status");
    !cipher.is_empty()
}

#[track_caller]
fn refused(connected: Result<Watched, DatabaseError>, why: &str) {
    let error = connected.expect_err(why);
    assert!(matches!(error, DatabaseError::NotSecured { .. }), "{error}");
    assert!(error.to_string().contains("which its URL asks for: ") && error.to_string().contains(why), "{error}");
    assert!(!error.is_unreachable() && error.is_retryable(), "somebody has to mend it, or renews it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_is_spoken_to_as_its_url_says() {
    let mut secured = Secured::start().await;
    for (query, expected) in [
        ("", false),
        ("?ssl-mode=DISABLED", false),
        ("?ssl-mode=PREFERRED", true),
        ("?ssl-mode=REQUIRED", true),
        (&secured.verified(), true),
    ] {
        let mut connection = secured.connect(query).await.expect(query);
        assert_eq!(is_by_tls(&mut connection).await, expected, "{query}");
        connection.close().await;
    }
    let theirs = secured.folder.write("theirs.pem", &Authority::new("another").certificate);
    let by_theirs = format!("?ssl-mode=VERIFY_IDENTITY&ssl-ca={}", theirs.display());
    refused(secured.connect(&by_theirs).await, "UnknownIssuer");

    secured.renew(&secured.ours.expired(&["localhost", "127.0.0.1"])).await;
    refused(secured.connect(&secured.verified()).await, "expired");
    secured.connect("?ssl-mode=REQUIRED").await.expect("it looks at no certificate");
    secured.renew(&secured.ours.identity(&["elsewhere.example"])).await;
    refused(secured.connect(&secured.verified()).await, "not valid for name");
    // Renewed while both sides run: the next connection sees it.
    secured.renew(&here(&secured.ours)).await;
    secured.connect(&secured.verified()).await.expect("trusted again");
    // An authority that is renewed, too, without a new start of this side.
    let url = DatabaseUrl::parse(&secured.url(&secured.verified())).expect("valid");
    let next = Authority::new("the next one");
    secured.renew(&here(&next)).await;
    refused(ledger_database::connect(&url).await, "UnknownIssuer");
    secured.folder.write("ca.pem", &format!("{}{}", secured.ours.certificate, next.certificate));
    ledger_database::connect(&url).await.expect("both are trusted");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_offers_no_tls_is_refused_where_it_is_asked_for() {
    let server = Server::with(&["--skip-ssl"]);
    server.connect().await;
    let url = format!("{}mysql", server.admin_url());
    for mode in ["REQUIRED", "VERIFY_IDENTITY"] {
        refused(connect(&format!("{url}?ssl-mode={mode}")).await, "it offers none");
    }
    connect(&format!("{url}?ssl-mode=PREFERRED")).await.expect("it asks for nothing");
    // By the programs, with their exit code.
    let setting = Setting::on("notls", &server.admin_url());
    let (admin, wanted) = (setting.variable("LEDGER_ADMIN_DATABASE_URL"), "LEDGER_ADMIN_DATABASE_URL");
    let output = setting.ledger_with(&["migrate"], &[(wanted, &format!("{admin}?ssl-mode=REQUIRED"))]);
    let said = stderr(&output);
    assert_eq!(code(&output), 1, "{said}");
    assert!(said.contains("no TLS with the database server at 127.0.0.1:") && !said.contains("only-for"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_shows_a_certificate_where_one_is_asked_for() {
    let mut secured = Secured::start().await;
    let login = "CREATE USER shows@'%' IDENTIFIED BY 'only-for-this-test' REQUIRE X509";
    secured.root.execute(login).await.expect("a user");
    let shown = |identity: &Identity| {
        let (certificate, key) = secured.folder.write_identity("client", identity);
        format!("{}&ssl-cert={}&ssl-key={}", secured.verified(), certificate.display(), key.display())
    };
    let (_, server) =
        secured.server.admin_url().rsplit_once('@').map(|(a, b)| (a.to_owned(), b.to_owned())).expect("a host");
    let url = |query: &str| format!("mysql://shows:only-for-this-test@{server}{query}");
    let good = url(&shown(&secured.ours.identity(&["client"])));
    assert!(is_by_tls(&mut connect(&good).await.expect("shown")).await);
    for query in [String::new(), secured.verified()] {
        let error = connect(&url(&query)).await.expect_err("nothing is shown");
        assert!(matches!(error, DatabaseError::Denied { .. }), "{error}");
    }
    let error = connect(&url(&shown(&secured.ours.expired(&["client"])))).await.expect_err("over");
    assert!(!error.to_string().contains("only-for-this-test"), "{error}");
}

/// VERIFY_CA trusts whoever has a certificate of the authority, so nobody else's may count: a program that trusts the system's
/// authorities beside it refuses.
#[tokio::test(flavor = "multi_thread")]
async fn verify_ca_trusts_one_authority_alone() {
    let mut secured = Secured::start().await;
    let setting = Setting::on("verifyca", &secured.server.admin_url());
    let (exit, said) = told(&setting, &setting.variable(ADMIN), &secured.ca);
    assert_eq!(exit, 0, "{said}");
    secured.renew(&secured.ours.identity(&["elsewhere.example"])).await;
    let theirs = secured.folder.write("theirs.pem", &Authority::new("another").certificate);
    let url = format!("{}?ssl-mode=VERIFY_CA&ssl-ca={}", setting.variable(ADMIN), secured.ca.display());
    let (exit, said) = told(&setting, &url, &secured.ca);
    assert_eq!(exit, 0, "another name is no matter: {said}");
    let (exit, said) = told(&setting, &url, &theirs);
    assert_eq!(exit, 2, "{said}");
    assert!(said.contains("VERIFY_CA looks at no name, and 1 further authorities are trusted"), "{said}");
    secured.renew(&here(&Authority::new("a third"))).await;
    let (exit, said) = told(&setting, &url, &secured.ca);
    assert_eq!(exit, 1, "{said}");
    assert!(said.contains("UnknownIssuer"), "{said}");
    setting.finish().await;
}

const ADMIN: &str = "LEDGER_ADMIN_DATABASE_URL";

/// `ledger migrate` with this URL, on a machine that trusts `trusted`.
fn told(setting: &Setting, url: &str, trusted: &Path) -> (i32, String) {
    let trusted = trusted.to_str().expect("a path");
    let output = setting.ledger_with(&["migrate"], &[(ADMIN, url), ("SSL_CERT_FILE", trusted), ("SSL_CERT_DIR", "")]);
    (code(&output), stderr(&output))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silence_is_noticed_and_a_slow_way_is_none_also_by_tls() {
    let secured = Secured::start().await;
    let login = secured.url("");
    let address = login.rsplit_once('@').and_then(|(_, rest)| rest.split_once('/')).expect("host:port").0.to_owned();
    let proxy = SilentProxy::before(address.clone()).await;
    let url = secured.url(&secured.verified()).replace(&address, proxy.address());
    let mut connection = connect(&url).await.expect("through the proxy");
    assert!(is_by_tls(&mut connection).await);

    // Two megabytes at a third of one a second: long after a silence would be suspicious.
    proxy.slow_down(350_000);
    let begun = Instant::now();
    let text = format!("SELECT CAST(LENGTH('{}') AS SIGNED)", "x".repeat(2_000_000));
    let length: i64 =
        sqlx::query_scalar(AssertSqlSafe(text)).fetch_one(&mut connection).await.expect("slow is not silent");
    assert_eq!(length, 2_000_000);
    assert!(begun.elapsed() > Duration::from_secs(4), "it was slow: {:?}", begun.elapsed());
    proxy.slow_down(0);

    for swallow in [Swallow::ToServer, Swallow::ToClient, Swallow::Both] {
        let mut connection = connect(&url).await.expect("through the proxy");
        connection.ping().await.expect("an answer");
        proxy.forget(swallow);
        let begun = Instant::now();
        let error = connection.execute("DO 1").await.expect_err("silent").to_string();
        assert!(error.contains("no answer for "), "{swallow:?}: {error}");
        assert!(begun.elapsed() < Duration::from_secs(12), "{swallow:?}: {:?}", begun.elapsed());
        assert!(!connection.is_sound());
    }
}
