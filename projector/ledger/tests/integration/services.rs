//! `ledger order` and `ledger stock` through a real order service, beside a real projector: what is answered, shown and refused.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Instant;

use serde_json::{Value, json};

use crate::setting::{LIMIT, PAUSE, Projector, Setting, code, free_address, get, product_in, stderr};

/// An order service as a process, built beside `ledger`.
pub(crate) struct Service {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Service {
    pub(crate) fn start(setting: &Setting) -> Self {
        Self::at(setting, free_address())
    }

    pub(crate) fn at(setting: &Setting, address: SocketAddr) -> Self {
        let program = Path::new(env!("CARGO_BIN_EXE_ledger")).with_file_name("order-service");
        let variables =
            ["LEDGER_KAFKA_BROKERS", "LEDGER_ORDERS_TOPIC", "LEDGER_OUTCOMES_TOPIC", "LEDGER_READER_DATABASE_URL"];
        let child = Command::new(program)
            .envs(variables.map(|name| (name, setting.variable(name))))
            .env("LEDGER_SERVICE_LISTEN", address.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("target/release/order-service is built");
        let service = Self { child, address };
        let started = Instant::now();
        while get(address, "/readyz").is_none_or(|(status, _)| status != 200) {
            assert!(started.elapsed() < LIMIT, "the service at {address} does not become ready");
            std::thread::sleep(PAUSE);
        }
        service
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A ledger with a projector and a service, and the client's command.
pub(crate) struct Shop {
    pub(crate) setting: Setting,
    pub(crate) projector: Projector,
    pub(crate) service: Service,
}

impl Shop {
    pub(crate) fn open(purpose: &str) -> Self {
        let setting = Setting::migrated(purpose);
        let projector = setting.project();
        let service = Service::start(&setting);
        Self { setting, projector, service }
    }

    pub(crate) fn run(&self, args: &[&str]) -> Output {
        self.setting.ledger_with(args, &[("LEDGER_URL", &self.service.url()), ("LEDGER_WAIT_SECONDS", "10")])
    }

    /// What a command prints that succeeds.
    pub(crate) fn answer(&self, args: &[&str]) -> Value {
        self.answered(args, 0)
    }

    /// What a command prints that ends with `exit`.
    pub(crate) fn answered(&self, args: &[&str], exit: i32) -> Value {
        let output = self.run(args);
        assert_eq!(code(&output), exit, "{args:?}: {}", stderr(&output));
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{args:?}: {error}: {}", stderr(&output)))
    }

    pub(crate) async fn close(self) {
        drop(self.service);
        assert_eq!(self.projector.stop().0, 0);
        self.setting.finish().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_are_placed_shown_confirmed_and_cancelled() {
    let shop = Shop::open("rest_orders");
    let (bar, tea) = (product_in(0, "bar"), product_in(1, "tea"));
    shop.answer(&["stock", "receive", &bar, "10"]);
    shop.answer(&["stock", "receive", &tea, "5"]);
    let place = |more: &[&str]| {
        let args = ["order", "place", "--user", "ann", "--product", &bar, "--quantity", "2", "--unit-price", "250"];
        shop.answer(&[&args, more].concat())
    };
    // The same key is the same order; without one each is its own.
    let placed = place(&["--idempotency-key", "basket 17"]);
    assert_eq!((&placed["status"], &placed["idempotencyKey"]), (&json!("confirmed"), &json!("basket 17")));
    assert_eq!(place(&["--idempotency-key", "basket 17"])["orderId"], placed["orderId"]);
    let other = place(&[]);
    assert_ne!(other["orderId"], placed["orderId"]);
    let made = other["idempotencyKey"].as_str().expect("a key is made");
    assert_eq!(place(&["--idempotency-key", made])["orderId"], other["orderId"]);
    let stated = uuid::Uuid::from_u128(77).to_string();
    let by_id = place(&["--order-id", &stated]);
    assert_eq!((&by_id["orderId"], &by_id["idempotencyKey"]), (&json!(stated), &Value::Null));
    assert_eq!(shop.answer(&["stock", "get", &bar])["available"], 4);

    let id = placed["orderId"].as_str().expect("an id");
    let found = shop.answer(&["order", "get", id]);
    assert_eq!(
        (&found["userId"], &found["totalPrice"], &found["status"]),
        (&json!("ann"), &json!(500), &json!("confirmed"))
    );
    let table = shop.run(&["order", "get", id, "--output", "table"]);
    let table = String::from_utf8(table.stdout).expect("text");
    assert!(table.contains(&format!("order {id} of ann: confirmed, 500 in minor units, at ")), "{table}");

    let (line_1, line_2) = (format!("{bar}:1:250"), format!("{tea}:2:100"));
    let basket =
        ["order", "place", "--user", "bob", "--line", &line_1, "--line", &line_2, "--currency", "EUR", "--hold", "900"];
    let held = shop.answer(&basket);
    assert_eq!((&held["status"], held["expiresAt"].is_string()), (&json!("held"), true));
    let id = held["orderId"].as_str().expect("an id");
    for _ in 0..2 {
        assert_eq!(shop.answer(&["order", "confirm", id])["status"], "confirmed");
    }
    for _ in 0..2 {
        let cancelled = shop.answer(&["order", "cancel", id, "--note", "changed my mind"]);
        assert_eq!((&cancelled["status"], &cancelled["reason"]), (&json!("cancelled"), &json!("cancelled")));
    }
    let refused = shop.answered(&["order", "confirm", id], 1);
    assert_eq!((&refused["type"], &refused["orderStatus"]), (&json!("/problems/not-held"), &json!("cancelled")));
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_services_refuse_is_said_with_every_field() {
    let shop = Shop::open("rest_refused");
    let bar = product_in(2, "bar");
    shop.answer(&["stock", "receive", &bar, "3"]);
    let order = |user: &str, product: &str, quantity: &str| {
        ["order", "place", "--user", user, "--unit-price", "1", "--product", product, "--quantity", quantity]
            .map(str::to_owned)
    };
    for (args, exit, word, says) in [
        (
            order("ann", &bar, "9"),
            1,
            "out-of-stock",
            vec![format!("line 1, 9 of {bar}: out-of-stock"), format!("available now: 3 of {bar}")],
        ),
        (
            order("a b", &bar, "0"),
            1,
            "invalid-field",
            vec!["\n  userId: must not".to_owned(), "\n  quantity: must be an integer".to_owned()],
        ),
        (
            order("ann", "never-seen", "1"),
            1,
            "unknown-product",
            vec!["Unknown product (409, unknown-product)".to_owned()],
        ),
    ] {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let output = shop.run(&args);
        let said = stderr(&output);
        assert_eq!(code(&output), exit, "{said}");
        assert!(says.iter().all(|words| said.contains(words)), "expected {says:?}\nfound {said}");
        let document: Value = serde_json::from_slice(&output.stdout).expect("the problem is on stdout, as JSON");
        assert_eq!(document["type"], format!("/problems/{word}"));
        // For a person, stdout stays empty.
        let output = shop.run(&[&args, &["--output", "table"][..]].concat());
        assert_eq!((code(&output), output.stdout.as_slice()), (exit, &b""[..]));
    }
    let unknown = uuid::Uuid::from_u128(1).to_string();
    assert_eq!(shop.answered(&["order", "get", &unknown], 1)["status"], 404);
    assert_eq!(shop.answered(&["order", "watch", &unknown], 1)["status"], 404);
    assert_eq!(shop.answered(&["stock", "get", "never-seen"], 1)["status"], 404);
    let below = shop.answered(&["stock", "adjust", &bar, "-4", "--reason", "counted"], 1);
    assert_eq!(below["type"], "/problems/below-zero");
    for (args, says) in [
        (&["order", "get", "no-uuid"][..], "ORDER"),
        (&["order", "place", "--user", "ann"], "--product"),
        (&["order", "place", "--user", "ann", "--line", "bar:1"], "PRODUCT:QUANTITY:UNIT_PRICE"),
        (&["order", "place", "--user", "ann", "--line", "bar:1:1", "--idempotency-key", " k"], "blank"),
        (&["stock", "get", "bar", "--url", "ftp://h"], "must begin with http:// or https://"),
        (&["stock", "--explain", "bar", "get", "bar"], "get"),
    ] {
        let output = shop.run(args);
        assert_eq!(code(&output), 2, "{args:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(says), "{args:?}: {}", stderr(&output));
    }
    let output = shop.run(&["stock", "get", ".."]);
    assert_eq!(code(&output), 1);
    assert!(stderr(&output).contains("`..` cannot be addressed"), "{}", stderr(&output));
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stock_is_received_adjusted_and_listed() {
    let shop = Shop::open("rest_stock");
    // Names that a path has to escape.
    for product in ["a/b?c", "50%", "チョコ", "-dash"] {
        let received = shop.answer(&["stock", "receive", "--idempotency-key", "delivery-1", "--", product, "7"]);
        assert_eq!(received["status"], "confirmed", "{product}");
        let again = shop.answer(&["stock", "receive", "--idempotency-key", "delivery-1", "--", product, "7"]);
        assert_eq!(again["movementId"], received["movementId"], "{product}");
        assert_eq!(
            shop.answer(&["stock", "adjust", "--reason", "two melted", "--", product, "-2"])["status"],
            "confirmed"
        );
        assert_eq!(shop.answer(&["stock", "get", "--", product])["available"], 5, "{product}");
    }
    let all = shop.answer(&["stock", "list"]);
    assert_eq!((all["items"].as_array().map(Vec::len), &all["nextCursor"]), (Some(4), &Value::Null));
    let some = shop.answer(&["stock", "list", "--limit", "3"]);
    assert_eq!((some["items"].as_array().map(Vec::len), some["nextCursor"].is_string()), (Some(3), true));
    // The other half of the command is as it was.
    let explained = shop.answer(&["stock", "--explain", "50%"]);
    assert_eq!(explained["entries"].as_array().or(explained["items"].as_array()).map(Vec::len), Some(2), "{explained}");
    shop.close().await;
}
