//! `ledger order` and `ledger stock` with a key, through a real order service that asks for one.

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Instant;

use serde_json::Value;

use super::{ask, key, printed};
use crate::setting::{LIMIT, PAUSE, Setting, code, free_address, get, product_in, stderr};

/// An order service that asks who calls, and says all that it can in its log.
struct Asking {
    child: Child,
    address: SocketAddr,
    log: PathBuf,
}

impl Asking {
    fn start(setting: &Setting) -> Self {
        let (address, program) =
            (free_address(), Path::new(env!("CARGO_BIN_EXE_ledger")).with_file_name("order-service"));
        let log = std::env::temp_dir().join(format!("{}-service.log", setting.name));
        let variables =
            ["LEDGER_KAFKA_BROKERS", "LEDGER_ORDERS_TOPIC", "LEDGER_OUTCOMES_TOPIC", "LEDGER_READER_DATABASE_URL"];
        let child = Command::new(program)
            .envs(variables.map(|name| (name, setting.variable(name))))
            .envs([
                ("LEDGER_SERVICE_LISTEN", address.to_string().as_str()),
                ("LEDGER_AUTH", "on"),
                ("LEDGER_LOG", "trace"),
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log).expect("a log"))
            .spawn()
            .expect("target/release/order-service is built");
        let service = Self { child, address, log };
        let started = Instant::now();
        while get(address, "/readyz").is_none_or(|(status, _)| status != 200) {
            assert!(started.elapsed() < LIMIT, "the service at {address} does not become ready");
            std::thread::sleep(PAUSE);
        }
        service
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_file(&self.log);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_show_their_key() {
    let setting = Setting::migrated("cli_keys");
    let projector = setting.project();
    let service = Asking::start(&setting);
    let url = format!("http://{}", service.address);
    let bar = product_in(0, "bar");
    let (operator, ann) =
        (key(&setting, &["--role", "operator"]), key(&setting, &["--role", "customer", "--user", "ann"]));
    let run = |args: &[&str], key: &str| -> Output {
        setting.ledger_with(args, &[("LEDGER_URL", &url), ("LEDGER_WAIT_SECONDS", "10"), ("LEDGER_KEY", key)])
    };
    let nobody = run(&["stock", "receive", &bar, "10"], "");
    assert_eq!(code(&nobody), 1, "{}", printed(&nobody));
    assert!(stderr(&nobody).contains("say who you are"), "{}", stderr(&nobody));
    assert_eq!(code(&run(&["stock", "receive", &bar, "10"], &operator)), 0);
    let forbidden = run(&["stock", "receive", &bar, "10"], &ann);
    assert!(code(&forbidden) == 1 && stderr(&forbidden).contains("operator"), "{}", printed(&forbidden));
    let place = |user| {
        [
            "order",
            "place",
            "--user",
            user,
            "--product",
            &bar,
            "--quantity",
            "1",
            "--unit-price",
            "5",
            "--output",
            "json",
        ]
        .map(str::to_owned)
    };
    let placed = run(&place("ann").each_ref().map(String::as_str), &ann);
    assert_eq!(code(&placed), 0, "{}", printed(&placed));
    let order: Value = serde_json::from_slice(&placed.stdout).expect("JSON");
    let order = order["orderId"].as_str().expect("an id");
    let for_another = run(&place("bob").each_ref().map(String::as_str), &ann);
    assert!(code(&for_another) == 1 && printed(&for_another).contains("forbidden"), "{}", printed(&for_another));
    // A stream, too, and by the flag.
    let watched = setting.ledger_with(&["order", "watch", order, "--key", &ann], &[("LEDGER_URL", &url)]);
    assert_eq!(code(&watched), 0, "{}", printed(&watched));
    // A key of a request is no credential, and is sent to nobody.
    let mistaken = run(&["order", "get", order, "--key", "basket-17"], "");
    assert_eq!(code(&mistaken), 2, "{}", printed(&mistaken));
    assert!(stderr(&mistaken).contains("--idempotency-key") && !stderr(&mistaken).contains("basket-17"));
    let shown = run(&["config", "show"], &ann);
    assert!(
        code(&shown) == 0 && !printed(&shown).contains(&ann) && !printed(&shown).contains(&ann[24..]),
        "{}",
        printed(&shown)
    );

    assert_eq!(ask(service.address, "GET", "/metrics", Some(&ann)).0, 403);
    let (status, _, metrics) = ask(service.address, "GET", "/metrics", Some(&operator));
    assert_eq!(status, 200);
    let log = std::fs::read_to_string(&service.log).expect("the log");
    assert!(log.len() > 1000, "it says all that it can");
    for secret in [&ann[24..], &operator[24..]] {
        assert!(!log.contains(secret) && !metrics.contains(secret), "a secret is shown");
        for output in [&nobody, &forbidden, &placed, &for_another, &watched, &mistaken] {
            assert!(!printed(output).contains(secret));
        }
    }
    let used: Vec<Value> = {
        setting.until("SELECT COUNT(*) FROM api_key_uses", |count| count == 2).await;
        let output = setting.ledger(&["keys", "list", "--output", "json"]);
        serde_json::from_slice::<Value>(&output.stdout).expect("JSON")["items"].as_array().expect("a list").clone()
    };
    assert!(used.iter().all(|key| key["lastUsedAt"].is_string()), "{used:?}");
    drop(service);
    assert_eq!(projector.stop().0, 0);
    setting.finish().await;
}
