//! The configuration file, and what the program says of itself: precedence, refusals with their line, no secret anywhere, completions and manual pages.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Instant;

use serde_json::Value;

use crate::setting::{LIMIT, PAUSE, Setting, code, free_address, get, stderr};

/// A working directory of its own; nothing of this process's environment is there but where programs are.
struct Folder(PathBuf);

impl Folder {
    fn new(purpose: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("ledger-{purpose}-{}", uuid::Uuid::now_v7().simple()));
        fs::create_dir_all(&folder).expect("a folder");
        Self(folder)
    }

    fn write(&self, name: &str, text: &str, mode: u32) -> String {
        let path = self.0.join(name);
        fs::write(&path, text).expect("a file");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("its mode");
        path.display().to_string()
    }

    fn command(&self, args: &[&str], variables: &[(&str, &str)]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ledger"));
        command.args(args).current_dir(&self.0).env_clear().envs(variables.iter().copied()).stdin(Stdio::null());
        command
    }

    fn ledger(&self, args: &[&str], variables: &[(&str, &str)]) -> Output {
        self.command(args, variables).output().expect("the binary runs")
    }

    /// Value and origin of each setting, by its name; where commands differ, of the first.
    fn shown(&self, args: &[&str], variables: &[(&str, &str)]) -> HashMap<String, (Value, String)> {
        let output = self.ledger(&[args, &["config", "show", "--output", "json"]].concat(), variables);
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        let shown: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let mut found = HashMap::new();
        for setting in shown["settings"].as_array().expect("a list") {
            let text = |member: &str| setting[member].as_str().expect("text").to_owned();
            found.entry(text("setting")).or_insert((setting["value"].clone(), text("origin")));
        }
        found
    }

    fn check_refused(&self, args: &[&str], variables: &[(&str, &str)], says: &[&str]) {
        let output = self.ledger(args, variables);
        assert_eq!(code(&output), 2, "{}", stderr(&output));
        let said = stderr(&output);
        assert!(says.iter().all(|words| said.contains(words)), "expected {says:?}\nfound {said}");
        assert!(!said.contains("s3cret"), "{said}");
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

const FILE: &str = "log = \"warn\"
writers = 3
url = \"http://top:1\"
reader-database-url = \"mysql://rdr:s3cret@db/ledger\"

[profile.prod]
url = \"http://prod:1\"
kafka-brokers = \"k:1\"
accept-mixed = true
";

fn setting(value: impl Into<Value>, origin: &str) -> (Value, String) {
    (value.into(), origin.to_owned())
}

#[test]
fn a_flag_comes_before_a_variable_before_a_profile_before_the_file() {
    let folder = Folder::new("precedence");
    folder.write("ledger.toml", FILE, 0o600);
    let shown = folder.shown(&[], &[]);
    assert_eq!(shown["url"], setting("http://top:1", "ledger.toml:3"));
    assert_eq!(shown["writers"], setting("3", "ledger.toml:2"));
    assert_eq!(shown["kafka-brokers"], setting("127.0.0.1:29092", "default"));
    assert_eq!(shown["accept-mixed"], setting("false", "default"));
    assert_eq!(shown["owner-database-url"], setting(Value::Null, "not set"));
    assert_eq!(shown["reader-database-url"], setting("mysql://rdr@db:3306/ledger (password hidden)", "ledger.toml:4"));
    let shown = folder.shown(&["--profile", "prod"], &[]);
    assert_eq!(shown["url"], setting("http://prod:1", "ledger.toml:7 (profile prod)"));
    assert_eq!(shown["accept-mixed"], setting("true", "ledger.toml:9 (profile prod)"));
    assert_eq!(shown["writers"], setting("3", "ledger.toml:2"));
    let variables = [
        ("LEDGER_URL", "http://env:1"),
        ("LEDGER_PROFILE", "prod"),
        ("LEDGER_KAFKA_PROPERTIES", "sasl.password=s3cret"),
    ];
    let shown = folder.shown(&["--log", "error"], &variables);
    assert_eq!(shown["url"], setting("http://env:1", "environment LEDGER_URL"));
    assert_eq!(shown["kafka-brokers"], setting("k:1", "ledger.toml:8 (profile prod)"));
    assert_eq!(shown["log"], setting("error", "flag"));
    assert_eq!(shown["kafka-properties"], setting("(hidden)", "environment LEDGER_KAFKA_PROPERTIES"));
    assert_eq!(shown["profile"], setting("prod", "environment LEDGER_PROFILE"));
    // Another file, and none.
    let other = folder.write("other.toml", "url = \"http://other:1\"", 0o644);
    assert_eq!(folder.shown(&["--config", &other], &[])["url"].0, "http://other:1");
    assert_eq!(folder.shown(&[], &[("LEDGER_CONFIG", &other)])["url"].0, "http://other:1");
    assert_eq!(folder.shown(&[], &[("LEDGER_CONFIG", "")])["url"], setting("http://127.0.0.1:8080", "default"));
    let table = folder.ledger(&["config", "show", "--output", "table"], &[]);
    let table = String::from_utf8(table.stdout).expect("text");
    assert!(table.contains("read from ledger.toml") && !table.contains("s3cret"), "{table}");
    // A command that is run takes them: it asks where the file says, and its flag wins.
    let output = folder.ledger(&["stock", "get", "bar", "--retry-seconds", "0"], &[]);
    assert!(stderr(&output).contains("no answer from http://top:1"), "{}", stderr(&output));
    let output = folder.ledger(&["stock", "get", "bar", "--retry-seconds", "0", "--url", "http://flag:1"], &variables);
    assert!(stderr(&output).contains("no answer from http://flag:1"), "{}", stderr(&output));
}

#[test]
fn what_a_file_has_wrong_is_named_with_its_line() {
    let folder = Folder::new("refused");
    let status = ["status"];
    let check = |text: &str, says: &[&str]| {
        folder.write("ledger.toml", text, 0o600);
        folder.check_refused(&status, &[], says);
    };
    check("\nkafka-broker = \"k\"", &["ledger.toml, line 2: `kafka-broker` is no setting"]);
    check("kafka_brokers = \"k\"", &["line 1: `kafka_brokers` is no setting (did you mean `kafka-brokers`?)"]);
    check("LEDGER_PROJECTOR_LISTEN = \"k\"", &["(did you mean `listen`?)"]);
    check("# a\nyes = true", &["line 2: `yes` is no setting (--yes of `ledger rebuild` says what one run does)"]);
    check("profile = \"x\"", &["`profile` is no setting of a file"]);
    check(
        "writers = 0",
        &["ledger.toml, line 1: writers: invalid value '0' for '--writers <WRITERS>': 0 is not in 1..=64"],
    );
    check("[profile.a]\n\nlisten = \"nowhere\"", &["ledger.toml, line 3: listen: invalid value 'nowhere'"]);
    check("accept-mixed = \"perhaps\"", &["line 1: accept-mixed: "]);
    check("reader-database-url = \"s3cret", &["ledger.toml, line 1: "]);
    check("url = [\"http://a\"]", &["line 1: `url` must be a text, an integer or true or false, found array"]);
    folder.write("ledger.toml", "[profile.a]\n\n[profile.b]\n", 0o600);
    folder.check_refused(
        &["status", "--profile", "c"],
        &[],
        &["ledger.toml has no profile `c`; it has `a` (line 1), `b` (line 3)"],
    );
    folder.check_refused(
        &status,
        &[("LEDGER_CONFIG", "nowhere.toml")],
        &["nowhere.toml cannot be read: there is no such file"],
    );
    folder.check_refused(
        &status,
        &[("LEDGER_CONFIG", ""), ("LEDGER_PROFILE", "a")],
        &["profile `a` is asked for, but there is no"],
    );
    // A file that is wrong keeps nobody from help, nor from what is about the program.
    folder.write("ledger.toml", "nonsense", 0o600);
    for args in [&["--help"][..], &["status", "--help"], &["--version"], &["completions", "bash"]] {
        assert_eq!(code(&folder.ledger(args, &[])), 0, "{args:?}");
    }
}

#[test]
fn a_file_that_others_may_read_holds_no_secret() {
    let folder = Folder::new("exposed");
    for mode in [0o644, 0o640, 0o602] {
        folder.write("ledger.toml", FILE, mode);
        let says = format!(
            "ledger.toml, line 4: `reader-database-url` is a secret, but others may read or change the file (mode {mode:o}): `chmod 600"
        );
        folder.check_refused(&["status"], &[], &[&says]);
    }
    folder.write("ledger.toml", "kafka-properties = \"\"\nurl = \"http://h\"", 0o644);
    assert_eq!(folder.shown(&[], &[])["url"].0, "http://h");
    // What a help text shows of defaults is not this.
    folder.write("ledger.toml", FILE, 0o600);
    let help = folder.ledger(&["status", "--help"], &[]);
    assert!(!String::from_utf8_lossy(&help.stdout).contains("s3cret"));
}

#[tokio::test]
async fn the_projector_takes_its_settings_from_a_file() {
    let setting = Setting::migrated("from_file");
    let folder = Folder::new("projector");
    let address = free_address();
    let variable = |name: &str| format!("{:?}", setting.variable(name));
    let file = format!(
        "listen = \"{address}\"\n[profile.test]\nkafka-brokers = {}\norders-topic = {}\noutcomes-topic = {}\ndead-letters-topic = {}\n\
         cursors-topic = {}\nconsumer-group = {}\nprojector-database-url = {}\nwriters = 1\n",
        variable("LEDGER_KAFKA_BROKERS"),
        variable("LEDGER_ORDERS_TOPIC"),
        variable("LEDGER_OUTCOMES_TOPIC"),
        variable("LEDGER_DEAD_LETTERS_TOPIC"),
        variable("LEDGER_CURSORS_TOPIC"),
        variable("LEDGER_CONSUMER_GROUP"),
        variable("LEDGER_PROJECTOR_DATABASE_URL"),
    );
    folder.write("ledger.toml", &file, 0o600);
    let mut command = folder.command(&["--profile", "test", "project"], &[]);
    let mut projector = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
    let started = Instant::now();
    while get(address, "/readyz").is_none_or(|(status, _)| status != 200) {
        assert!(
            started.elapsed() < LIMIT && projector.try_wait().expect("a child").is_none(),
            "it does not become ready"
        );
        std::thread::sleep(PAUSE);
    }
    projector.kill().and_then(|()| projector.wait()).expect("it ends");
    setting.finish().await;
}

#[test]
fn shells_and_man_read_what_the_program_writes_of_itself() {
    let folder = Folder::new("self");
    let secret = [("LEDGER_READER_DATABASE_URL", "mysql://rdr:s3cret@db/ledger")];
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = folder.ledger(&["completions", shell], &secret);
        let script = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        assert!(
            script.contains("dead-letters") && script.contains("retry-seconds") && !script.contains("s3cret"),
            "{shell}"
        );
        if shell == "bash" {
            let path = folder.write("ledger.bash", &script, 0o600);
            let checked = Command::new("bash").args(["-n", &path]).output().expect("bash runs");
            assert!(checked.status.success(), "{}", stderr(&checked));
        }
    }
    assert_eq!(code(&folder.ledger(&["completions", "cmd"], &[])), 2);
    let output = folder.ledger(&["man", "man1", "--output", "json"], &secret);
    let shown: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let pages: Vec<String> = fs::read_dir(folder.0.join("man1"))
        .expect("it was made")
        .map(|page| page.expect("a page").file_name().to_string_lossy().into_owned())
        .collect();
    assert_eq!(shown["pages"], pages.len());
    for page in [
        "ledger.1",
        "ledger-project.1",
        "ledger-order-place.1",
        "ledger-dead-letters-redrive.1",
        "ledger-config-show.1",
    ] {
        let text =
            fs::read_to_string(folder.0.join("man1").join(page)).unwrap_or_else(|error| panic!("{page}: {error}"));
        assert!(text.contains(".TH") && !text.contains("s3cret"), "{page}");
    }
    let nowhere = Path::new("/dev/null/man");
    let output = folder.ledger(&["man", &nowhere.display().to_string()], &[]);
    assert_eq!(code(&output), 1);
    assert!(stderr(&output).contains("/dev/null/man: "), "{}", stderr(&output));
    // A reader that has enough.
    let piped =
        format!("{} completions zsh | head -c 10 > /dev/null; echo ${{PIPESTATUS[0]}}", env!("CARGO_BIN_EXE_ledger"));
    let output = Command::new("bash").args(["-c", &piped]).output().expect("bash runs");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "0\n");
    assert_eq!(stderr(&output), "");
}
