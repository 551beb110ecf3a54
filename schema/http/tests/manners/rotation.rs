//! Certificates that are renewed while the server runs: new connections see them, old ones go on, and what cannot be used changes nothing.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use ledger_test_certificates::{Authority, Identity};
use tokio::time::{Instant, sleep};

use crate::tls::{Secured, asked};
use crate::world::{LIMITS, PATIENCE};

/// Longer than two looks at the files.
const TWO_LOOKS: Duration = Duration::from_millis(2_500);

fn localhost(authority: &Authority) -> Identity {
    authority.identity(&["localhost"])
}

/// What a new connection is shown.
async fn shown(secured: &Secured) -> Vec<u8> {
    let mut stream = secured.connect(&secured.trusting(), "localhost").await.expect("trusted");
    assert_eq!(asked(&mut stream).await, Ok(200));
    stream.get_ref().1.peer_certificates().expect("one")[0].to_vec()
}

async fn other_than(secured: &Secured, before: &[u8]) -> Vec<u8> {
    let begun = Instant::now();
    loop {
        let now = shown(secured).await;
        if now != before {
            return now;
        }
        assert!(begun.elapsed() < PATIENCE, "it is not taken");
        sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn new_files_are_taken_and_broken_ones_are_not() {
    let secured = Secured::start(LIMITS, false, localhost).await;
    let mut old = secured.connect(&secured.trusting(), "localhost").await.expect("trusted");
    assert_eq!(asked(&mut old).await, Ok(200));
    let first = shown(&secured).await;

    secured.folder.write_identity("server", &localhost(&secured.authority));
    let second = other_than(&secured, &first).await;
    assert_eq!(asked(&mut old).await, Ok(200), "a connection from before goes on");

    let third = localhost(&secured.authority);
    // The certificate is there, its key is not yet: no moment without an answer.
    secured.folder.write("server.pem", &third.certificate);
    sleep(TWO_LOOKS).await;
    assert_eq!(shown(&secured).await, second);
    // The key may be read by others.
    let key = secured.folder.write("server.key", &third.key);
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).expect("ours");
    sleep(TWO_LOOKS).await;
    assert_eq!(shown(&secured).await, second);
    for (name, broken) in [("server.pem", "no certificate"), ("server.key", "no key")] {
        secured.folder.write(name, broken);
        sleep(TWO_LOOKS).await;
        assert_eq!(shown(&secured).await, second, "{name} is broken");
    }
    fs::remove_file(secured.folder.path().join("server.pem")).expect("it is there");
    sleep(TWO_LOOKS).await;
    assert_eq!(shown(&secured).await, second, "the file is gone");

    secured.folder.write_identity("server", &localhost(&secured.authority));
    other_than(&secured, &second).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_authority_of_clients_is_taken() {
    let secured = Secured::start(LIMITS, true, localhost).await;
    let next = Authority::new("the next one");
    let client = secured.folder.write_identity("next", &next.identity(&["client"]));
    let files =
        ledger_tls::ClientFiles::of(Some(secured.ca.clone()), Some(client.0), Some(client.1)).expect("complete");
    let asking = async || match secured.connect(&files, "localhost").await {
        Ok(mut stream) => asked(&mut stream).await,
        Err(refused) => Err(refused),
    };
    assert!(asking().await.is_err(), "nobody knows it yet");
    // Both are trusted while clients change over.
    secured.folder.write("ca.pem", &format!("{}{}", secured.authority.certificate, next.certificate));
    let begun = Instant::now();
    while let Err(refused) = asking().await {
        assert!(begun.elapsed() < PATIENCE, "{refused}");
        sleep(Duration::from_millis(50)).await;
    }
}
