//! The database does not answer: who was known goes on, who was not is told to come again, and nobody is called unknown.

use super::world::{Issuer, Stored, get_as};
use crate::minting::claims;
use crate::proxy::{Line, Proxy};
use crate::world::{World, eventually, variable};

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_away_shuts_out_nobody_who_was_known() {
    let (world, issuer) = (World::new().await, Issuer::new());
    let url = variable("LEDGER_TEST_ADMIN_DATABASE_URL");
    let (login, host) = url.trim_end_matches('/').rsplit_once('@').expect("a login");
    let proxy = Proxy::to(host.to_owned()).await;
    let behind = format!("{login}@{}/{}", proxy.address, world.database);
    let flags = [&issuer.flags()[..], &["--reader-database-url", &behind, "--database-timeout-ms", "500"]].concat();
    let router = world.router(&flags).await;
    let known = world.key("operator", None, Stored::Good).await.reveal();
    let unknown = world.key("operator", None, Stored::Good).await.reveal();
    let never_made = ledger_auth::ApiKey::generate().expect("random").reveal();
    let token = issuer.keys[0].token(&claims("boss", "operator"));
    // What needs no database answers.
    assert_eq!(get_as(&router, "/metrics", &known).await.status, 200);
    for line in [Line::Cut, Line::Silent] {
        proxy.set(line);
        tokio::time::sleep(ledger_auth::FRESH + std::time::Duration::from_millis(100)).await;
        for _ in 0..5 {
            assert_eq!(get_as(&router, "/metrics", &known).await.status, 200, "{line:?}: it was known");
            assert_eq!(get_as(&router, "/metrics", &token).await.status, 200, "{line:?}: tokens need no database");
        }
        for credential in [&unknown, &never_made] {
            let answer = get_as(&router, "/metrics", credential).await;
            assert_eq!(
                (answer.status, answer.problem().as_str()),
                (503, "unavailable"),
                "{line:?}: neither in nor unknown"
            );
        }
    }
    proxy.set(Line::Open);
    eventually("the database is asked again", async || {
        (get_as(&router, "/metrics", &unknown).await.status == 200).then_some(())
    })
    .await;
    assert_eq!(get_as(&router, "/metrics", &never_made).await.status, 401);
}
