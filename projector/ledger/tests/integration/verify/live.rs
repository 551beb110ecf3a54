//! Verifying while a projector folds what comes.

use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sqlx::Executor;

use super::{append_many, appender, verify};
use crate::setting::{PARTITIONS, Setting, code, last_line, order, product_in, receipt};

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

/// What is compared was folded from another topic then, so only the last look at the log tells. It is held at its first snapshot, when
/// it knows which log it reads.
#[tokio::test(flavor = "multi_thread")]
async fn inv_9_a_log_that_is_recreated_while_it_is_verified_is_refused() {
    let setting = Setting::migrated("underway");
    let projector = setting.project();
    let product = product_in(1, "bar");
    let offset = setting.append_event(&product, &receipt(1, &product, 5)).await;
    setting.folded_to(1, offset + 1).await;
    assert_eq!(projector.stop().0, 0);
    let mut holder = setting.database().await;
    holder.execute("LOCK TABLES positions WRITE").await.expect("locked");
    let mut command = setting.command(&["verify"], &[]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    let waiting = format!(
        "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE DB = '{}' AND STATE = 'Waiting for table metadata lock'",
        setting.name
    );
    setting.until(&waiting, |count| count > 0).await;
    let topic = setting.topic("orders");
    let usual =
        [("retention.ms", "-1"), ("compression.type", "uncompressed"), ("message.timestamp.type", "LogAppendTime")];
    setting.delete_topic(&topic).await;
    setting.create_topic(&topic, PARTITIONS, &usual).await;
    holder.execute("UNLOCK TABLES").await.expect("unlocked");
    let output = child.wait_with_output().expect("it ends");
    let said = last_line(&output);
    assert!(code(&output) == 1 && said.contains("was recreated: the positions belong to topic id"), "{said}");
    setting.finish().await;
}
