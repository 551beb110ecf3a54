//! Generations of the tables on real servers: which are refused, swapped, rolled back to, listed and dropped.

use crate::setting::{Setting, order, product_in, receipt};

const ANOTHER_FOLD: &str = "the tables (generation 1) were folded by version 2 of the rules, and this program folds by \
     version 1: run `ledger rebuild`, or go on with rows of both by --accept-mixed";

#[tokio::test]
async fn tables_of_another_fold_are_refused_unless_mixing_is_accepted() {
    let setting = Setting::migrated("mixed");
    let product = product_in(1, "bar");
    let projector = setting.project();
    setting.append_event(&product, &receipt(1, &product, 10)).await;
    setting.folded_to(1, 1).await;
    // Under a running projector: tables of another version are swapped in. It stops rather than mix them.
    setting.execute("UPDATE positions SET fold_version = 2, next_offset = next_offset - 1 WHERE next_offset = 1").await;
    let (exit, said) = projector.ended();
    assert_eq!(exit, 1, "{said}");
    assert!(said.ends_with(ANOTHER_FOLD), "{said}");
    setting.execute("UPDATE positions SET fold_version = 2, next_offset = 1 WHERE kafka_partition = 1").await;
    // And it does not start again, but where it is told to.
    assert_eq!(setting.refused(&[]), (1, format!("ledger: {ANOTHER_FOLD}")));
    assert_eq!(setting.refused(&[("LEDGER_ACCEPT_MIXED", "maybe")]).0, 2);
    let projector = setting.project_with(&[("LEDGER_ACCEPT_MIXED", "true")]);
    projector.until_ready();
    setting.append_event(&product, &order(2, &product, 3)).await;
    setting.folded_to(1, 2).await;
    assert!(projector.log().contains("rows of both will stand in them"), "{}", projector.log());
    assert_eq!(projector.stop().0, 0);
    assert_eq!(setting.number("SELECT fold_version FROM positions WHERE kafka_partition = 1").await, 2, "it stays");
    setting.finish().await;
}
