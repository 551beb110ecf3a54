//! Verifying while a projector folds what comes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{append_many, appender, verify};
use crate::setting::{Setting, order, product_in, receipt};

#[tokio::test(flavor = "multi_thread")]
async fn tables_that_are_being_written_show_no_difference() {
    let setting = Arc::new(Setting::migrated("flowing"));
    let projector = setting.project();
    let products: Vec<String> = (0..4).map(|partition| product_in(partition, "bar")).collect();
    for (n, product) in (1..).zip(&products) {
        setting.append_event(product, &receipt(n, product, 1_000_000)).await;
    }
    let stop = Arc::new(AtomicBool::new(false));
    let flow = std::thread::spawn({
        let (setting, stop, products) = (setting.clone(), stop.clone(), products.clone());
        move || {
            let (appender, mut next) = (appender(&setting), 1_000_u128);
            while !stop.load(Ordering::Relaxed) {
                for product in &products {
                    // Some come twice.
                    append_many(
                        &setting,
                        &appender,
                        product,
                        (next..next + 200).map(|n| order(n - n % 7 / 6, product, 1)),
                    );
                    next += 200;
                }
            }
            next
        }
    });
    for (partition, _) in (0..).zip(&products) {
        setting.folded_to(partition, 200).await;
    }
    let mut folded = 0;
    for _ in 0..5 {
        let found = verify(&setting, &[], 0);
        let records = found["records"].as_i64().expect("a count");
        assert!(records > folded, "the tables stood still: {found:#}");
        folded = records;
        setting.until("SELECT CAST(SUM(next_offset) AS SIGNED) FROM positions", |now| now > records).await;
    }
    verify(&setting, &["--sample", "20"], 0);
    stop.store(true, Ordering::Relaxed);
    flow.join().expect("orders");
    assert_eq!(projector.stop().0, 0);
    Arc::into_inner(setting).expect("nobody else has it").finish().await;
}
