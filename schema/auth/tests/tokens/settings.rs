//! What is refused at the start, each with its flag and without the secret.

use std::sync::Arc;

use crate::minting::{SigningKey, jwks};
use crate::world::{File, NoKeys, SECRET, args, built};

async fn refused(flags: &[&str]) -> String {
    args(flags).build(Arc::new(NoKeys)).await.expect_err("refused").to_string()
}

#[test]
fn whoever_listens_elsewhere_asks_or_says_that_it_does_not() {
    for (flags, address, starts) in [
        (&[][..], "127.0.0.1:8081", true),
        (&[], "[::1]:8081", true),
        (&[], "[::ffff:127.0.0.1]:8081", true),
        (&[], "127.9.9.9:8081", true),
        (&[], "0.0.0.0:8081", false),
        (&[], "[::]:8081", false),
        (&[], "192.0.2.1:8081", false),
        (&["--insecure"], "0.0.0.0:8081", true),
        (&["--auth", "on"], "0.0.0.0:8081", true),
    ] {
        let checked = args(flags).check_listener("--listen", address.parse().expect("an address"));
        assert_eq!(checked.is_ok(), starts, "{flags:?} {address}");
        if let Err(error) = checked {
            let error = error.to_string();
            for word in ["--listen", address, "LEDGER_AUTH=on", "ledger keys create", "127.0.0.1", "LEDGER_INSECURE"] {
                assert!(error.contains(word), "{word} in {error}");
            }
        }
    }
}

#[tokio::test]
async fn settings_that_would_leave_a_door_open() {
    let set = File::new(jwks(&[&SigningKey::ed25519("k")]).as_bytes(), 0o644);
    let (secret, open, short) = (File::new(SECRET, 0o600), File::new(SECRET, 0o644), File::new(b"hunter2", 0o600));
    let pem = File::new(
        b"-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE\n-----END PUBLIC KEY-----\n",
        0o600,
    );
    let of = ["--jwt-issuer", "i", "--jwt-audience", "a"];
    for (flags, says) in [
        (vec!["--jwt-jwks", set.path()], "--jwt-jwks is set, and --auth (LEDGER_AUTH) is off"),
        (vec!["--jwt-audience", "a"], "--jwt-audience is set, and --auth"),
        (vec!["--auth", "on", "--jwt-jwks", set.path()], "--jwt-issuer (or LEDGER_JWT_ISSUER) is needed"),
        (
            vec!["--auth", "on", "--jwt-jwks", set.path(), "--jwt-issuer", "i"],
            "--jwt-audience (or LEDGER_JWT_AUDIENCE) is needed",
        ),
        (
            vec!["--auth", "on", "--jwt-jwks", set.path(), "--jwt-issuer", "i", "--jwt-audience", ""],
            "--jwt-audience (or",
        ),
        (vec!["--auth", "on", "--jwt-issuer", "i"], "need --jwt-jwks or --jwt-secret-file"),
        ([&["--auth", "on", "--jwt-jwks", "/none/keys.json"], &of[..]].concat(), "--jwt-jwks: /none/keys.json"),
        (
            [&["--auth", "on", "--jwt-jwks", "http://issuer.test/keys"], &of[..]].concat(),
            "--jwt-jwks must be an https:// URL",
        ),
        ([&["--auth", "on", "--jwt-jwks", secret.path()], &of[..]].concat(), "it is no JWKS"),
        ([&["--auth", "on", "--jwt-secret-file", "/none/secret"], &of[..]].concat(), "--jwt-secret-file: /none/secret"),
        ([&["--auth", "on", "--jwt-secret-file", open.path()], &of[..]].concat(), "chmod 600"),
        ([&["--auth", "on", "--jwt-secret-file", short.path()], &of[..]].concat(), "at least 32 bytes, found 7"),
        ([&["--auth", "on", "--jwt-secret-file", pem.path()], &of[..]].concat(), "public keys belong into the JWKS"),
        (vec!["--trusted-proxies", "gateway.test"], "--trusted-proxies must be addresses or networks"),
        (vec!["--trusted-proxies", "10.0.0.0/33"], "found 10.0.0.0/33"),
        (vec!["--allowed-hosts", "http://shop.test"], "--allowed-hosts must be names or addresses"),
        (vec!["--allowed-hosts", "*"], "found *"),
    ] {
        let error = refused(&flags).await;
        assert!(error.contains(says), "{flags:?}: {error}");
        assert!(!error.contains("hunter2") && !error.contains("a secret of forty"), "{error}");
    }
    assert!(built(&["--jwt-secret-file", secret.path()]).await.is_ok());
    let shown = format!(
        "{:?} {:?}",
        args(&["--jwt-secret-file", secret.path()]),
        built(&["--jwt-secret-file", secret.path()]).await
    );
    assert!(!shown.contains("a secret of forty"), "{shown}");
}
