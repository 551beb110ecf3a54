//! `ledger debug bundle`: what stands in it, that no secret and no order does, and that its file is whole, its owner's, and replaces nothing unasked.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::services::Shop;
use crate::setting::{Setting, code, free_address, product_in, stderr};

/// Stands in every secret, and in whatever anybody ordered.
const MARK: &str = "Zx7Marker";

/// A folder for files, removed at its end.
struct Folder(PathBuf);

impl Folder {
    fn new(purpose: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("ledger-{purpose}-{}", uuid::Uuid::now_v7().simple()));
        fs::create_dir_all(&folder).expect("a folder");
        Self(folder)
    }

    fn write(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        fs::write(&path, text).expect("a file");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("its mode");
        path.display().to_string()
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).expect("a folder").flatten();
        let mut names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The pieces of a bundle by their names within its one folder, and that folder.
fn read(file: &Path) -> (String, BTreeMap<String, String>) {
    let mut archive = tar::Archive::new(File::open(file).expect("a bundle"));
    let (mut tops, mut pieces) = (Vec::new(), BTreeMap::new());
    for entry in archive.entries().expect("a tar") {
        let mut entry = entry.expect("an entry");
        let path = entry.path().expect("a path").display().to_string();
        let (top, name) = path.split_once('/').expect("one folder");
        tops.push(top.to_owned());
        let mut text = String::new();
        entry.read_to_string(&mut text).expect("text");
        pieces.insert(name.to_owned(), text);
    }
    tops.dedup();
    assert_eq!(tops.len(), 1, "{tops:?}");
    (tops.remove(0), pieces)
}

fn json(pieces: &BTreeMap<String, String>, name: &str) -> Value {
    let text = pieces.get(name).unwrap_or_else(|| panic!("{name} is missing: {:?}", pieces.keys()));
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{name}: {error}: {text}"))
}

fn bundle(setting: &Setting, folder: &Folder, args: &[&str], further: &[(&str, &str)]) -> Output {
    let mut command = setting.command(&[&["debug", "bundle", "--output", "json"], args].concat(), further);
    command.current_dir(&folder.0).output().expect("the binary runs")
}

/// Every place that a secret can stand in has one, in the environment, in files and in flags; and orders have marks.
#[tokio::test(flavor = "multi_thread")]
async fn no_secret_and_no_order_stands_in_it() {
    let shop = Shop::open("bundled");
    let folder = Folder::new("bundled");
    let product = product_in(0, MARK);
    shop.answer(&["stock", "receive", &product, "10"]);
    let user = format!("{MARK}-user");
    shop.answer(&[
        "order",
        "place",
        "--user",
        &user,
        "--product",
        &product,
        "--quantity",
        "2",
        "--unit-price",
        "777123",
    ]);
    // A dead letter, with its text.
    shop.setting.append_event(&product, &format!("no event of {MARK}")).await;
    shop.setting.until("SELECT COUNT(*) FROM dead_letters", |found| found == 1).await;
    let made = shop.answer(&["keys", "create", "--role", "reader"]);
    let key = made["key"].as_str().expect("a key").to_owned();
    let hashes = shop.setting.texts("SELECT HEX(secret_hash) FROM api_keys").await;

    let properties =
        folder.write("client.properties", &format!("ssl.key.password={MARK}-in-file\nsocket.keepalive.enable=true\n"));
    let config = folder.write(
        "ledger.toml",
        &format!(
            "old-database-url = \"mysql://old:{MARK}-old@127.0.0.1:1/x\"\njwt-jwks = \"https://u:{MARK}-jwks@idp.example/keys?token={MARK}-query\"\n"
        ),
    );
    let (jwt, tls) = (folder.write("jwt", &format!("{MARK}-jwt")), folder.write("tls.key", &format!("{MARK}-tls-key")));
    let admin = format!("mysql://root:{MARK}-admin@127.0.0.1:1/");
    let properties_of_variable = format!("sasl.password={MARK}-sasl,ssl.keystore.password=\"{MARK},with a comma\"");
    let (services, projector) = (shop.service.url(), format!("http://{}", shop.projector.address));
    let variables: [(&str, &str); 8] = [
        ("LEDGER_ADMIN_DATABASE_URL", admin.as_str()),
        ("LEDGER_KAFKA_PROPERTIES", &properties_of_variable),
        ("LEDGER_KAFKA_PROPERTIES_FILE", &properties),
        ("LEDGER_CONFIG", &config),
        ("LEDGER_JWT_SECRET_FILE", &jwt),
        ("LEDGER_TLS_KEY", &tls),
        ("LEDGER_URL", &services),
        ("LEDGER_PROJECTOR_URL", &projector),
    ];
    let file = folder.0.join("report.tar");
    let named = file.display().to_string();
    let flags = ["--file", &named, "--key", &key];
    let output = bundle(&shop.setting, &folder, &flags, &variables);
    assert_eq!(code(&output), 0, "{}", stderr(&output));

    let (top, pieces) = read(&file);
    assert!(top.starts_with("ledger-debug-20") && top.ends_with('Z'), "{top}");
    let whole = fs::read(&file).expect("a bundle");
    let mode = fs::metadata(&file).expect("there").permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    let secret_of_key = key.rsplit('_').next().expect("a key has parts").to_owned();
    let secrets = [MARK, "a'b", "a%27b%5C%20c", "777123", secret_of_key.as_str()];
    for secret in secrets.into_iter().chain(hashes.iter().map(String::as_str)) {
        let found = pieces.iter().find(|(_, text)| text.contains(secret));
        assert!(found.is_none() && !contains(&whole, secret), "{secret} stands in {found:?}");
    }
    // Neither does it say them.
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), stderr(&output));
    assert!(!said.contains(MARK), "{said}");

    // What is left is worth its while.
    let doctor = json(&pieces, "doctor.json");
    assert!(doctor["findings"].as_array().is_some_and(|findings| findings.len() > 60), "{doctor:#}");
    assert_eq!(json(&pieces, "status.json")["topic"], shop.setting.topic("orders"));
    let settings = json(&pieces, "settings.json").to_string();
    assert!(settings.contains("(password hidden)") && settings.contains("idp.example/keys"), "{settings}");
    let tables = json(&pieces, "tables.json");
    assert_eq!(tables["deadLetters"][0]["rows_of_it"], 1, "{tables:#}");
    for part in ["tables", "migrations", "positions", "furthestPositions"] {
        assert!(tables[part].as_array().is_some_and(|rows| !rows.is_empty()), "{part}: {tables:#}");
    }
    assert!(!tables.to_string().contains("\"failed\""), "{tables:#}");
    let topics = json(&pieces, "topics.json");
    let orders = &topics[shop.setting.topic("orders")];
    assert_eq!(
        (&orders["settings"]["retention.ms"], &orders["partitions"][0]["hasLeader"]),
        (&"-1".into(), &true.into())
    );
    assert_eq!(json(&pieces, "versions.json")["program"], env!("CARGO_PKG_VERSION"));
    assert_eq!(json(&pieces, "projector-status.json")["ready"], true);
    assert!(pieces["projector-metrics.txt"].contains("ledger_build_info{"), "{:?}", pieces.keys());
    assert!(pieces["services-metrics.txt"].contains("order_service_build_info{"), "{:?}", pieces.keys());
    assert!(pieces.contains_key("services-readyz.json") && pieces["README.txt"].contains("doctor.json"));
    assert!(pieces.keys().all(|name| !name.ends_with(".failed.txt")), "{:?}", pieces.keys());
    shop.close().await;
}

fn contains(whole: &[u8], sought: &str) -> bool {
    whole.windows(sought.len()).any(|found| found == sought.as_bytes())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_had_says_why_and_keeps_nothing_else_out() {
    let setting = Setting::with_positions("halfbundle").await;
    let folder = Folder::new("halfbundle");
    let nobody = free_address();
    let url = format!("http://{nobody}");
    let brokers = nobody.to_string();
    let away = [("LEDGER_KAFKA_BROKERS", brokers.as_str()), ("LEDGER_PROJECTOR_URL", url.as_str())];
    let output = bundle(&setting, &folder, &[], &away);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    // Where no file is named, its name has the time.
    let names = folder.names();
    assert!(names.len() == 1 && names[0].starts_with("ledger-debug-20") && names[0].ends_with(".tar"), "{names:?}");
    let (_, pieces) = read(&folder.0.join(&names[0]));
    for (piece, says) in [
        ("status.json.failed.txt", "cannot be reached"),
        ("topics.json.failed.txt", "cannot be reached"),
        ("projector-metrics.txt.failed.txt", "no answer from http://"),
    ] {
        assert!(pieces.get(piece).is_some_and(|text| text.contains(says)), "{piece}: {pieces:?}");
    }
    assert_eq!(json(&pieces, "doctor.json")["unreachable"], 2);
    assert!(json(&pieces, "tables.json")["positions"].as_array().is_some_and(|rows| rows.len() == 4));
    setting.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_replaced_when_asked_and_a_failure_leaves_nothing() {
    let setting = Setting::with_positions("keptbundle").await;
    let folder = Folder::new("keptbundle");
    let file = folder.write("report.tar", "somebody's own");
    let refused = bundle(&setting, &folder, &["--file", &file], &[]);
    assert_eq!(code(&refused), 1);
    assert!(
        stderr(&refused).contains("report.tar is there already: name another file (--file), or replace it (--force)"),
        "{}",
        stderr(&refused)
    );
    assert_eq!(fs::read_to_string(&file).expect("there"), "somebody's own");
    for (path, says) in [
        (folder.0.display().to_string(), "is a folder: name a file in it"),
        (folder.0.join("none/report.tar").display().to_string(), "cannot be written: No such file or directory"),
        (format!("{file}/report.tar"), "cannot be written: Not a directory"),
    ] {
        let refused = bundle(&setting, &folder, &["--file", &path, "--force"], &[]);
        assert!(code(&refused) == 1 && stderr(&refused).contains(says), "{path}: {}", stderr(&refused));
    }
    // No room: a limit of one block stands for a full disk. The signal that comes with it is ignored, as a full disk sends none.
    let full = folder.0.join("full.tar").display().to_string();
    let program = env!("CARGO_BIN_EXE_ledger");
    let further = [("NAMED", full.as_str()), ("PROGRAM", program)];
    let template = setting.command(&[], &further);
    let mut limited = Command::new("sh");
    limited.args(["-c", "trap '' XFSZ; ulimit -f 1; exec \"$PROGRAM\" debug bundle --file \"$NAMED\""]);
    limited.envs(template.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = limited.stdin(Stdio::null()).current_dir(&folder.0).output().expect("sh runs");
    assert_eq!(code(&output), 1, "{}", stderr(&output));
    assert!(stderr(&output).contains("full.tar cannot be written: File too large"), "{}", stderr(&output));
    assert_eq!(folder.names(), ["report.tar"], "nothing is left behind");

    let replaced = bundle(&setting, &folder, &["--file", &file, "--force"], &[]);
    assert_eq!(code(&replaced), 0, "{}", stderr(&replaced));
    let told: Value = serde_json::from_slice(&replaced.stdout).expect("JSON");
    assert_eq!(
        (told["file"].as_str(), told["bytes"].as_u64()),
        (Some(file.as_str()), Some(fs::metadata(&file).expect("there").len()))
    );
    assert_eq!(
        (read(Path::new(&file)).1.contains_key("doctor.json"), folder.names()),
        (true, vec!["report.tar".to_owned()])
    );
    setting.finish().await;
}
