//! The documents against the code: links that lead nowhere, and settings, metrics and flags that a document names and the program has not, or
//! that the program has and no document names.
//!
//! It must never need a server. Of Markdown it knows what is used here. `docs/settings.md` and `docs/metrics.md` are the lists that it holds the
//! programs against.
#![expect(clippy::unwrap_used, reason = "a test says where it failed by panicking there")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use serde_json::Value;
use xtask::repository;

/// Folders that hold nothing of ours.
const LEFT_OUT: [&str; 4] = [".git", ".ledger", "node_modules", "target"];

fn root() -> PathBuf {
    fs::canonicalize(repository::root()).unwrap()
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The files below `folder` whose names end so, with their texts.
fn files(folder: &Path, ending: &str) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        let kind = entry.file_type().unwrap();
        if kind.is_dir() && !LEFT_OUT.contains(&name.as_str()) {
            found.extend(files(&path, ending));
        } else if kind.is_file() && name.ends_with(ending) {
            let text = fs::read_to_string(&path).unwrap();
            found.insert(path, text);
        }
    }
    found
}

/// The lines of a document, each with whether it stands in a block of code.
fn lines(text: &str) -> Vec<(bool, &str)> {
    let mut in_code = false;
    let mut found = Vec::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        } else {
            found.push((in_code, line));
        }
    }
    found
}

/// What a document links to, as it is written.
fn links(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (_, line) in lines(text).into_iter().filter(|(in_code, _)| !in_code) {
        let plain: String = line.split('`').step_by(2).collect();
        let targets = plain.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        found.extend(targets.map(str::to_owned));
    }
    found
}

/// The anchors that headings have, as GitHub makes them.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut found: BTreeSet<String> = BTreeSet::new();
    for (_, line) in lines(text).into_iter().filter(|(in_code, line)| !in_code && line.starts_with('#')) {
        let heading = line.trim_start_matches('#').trim().to_lowercase();
        let kept = heading.chars().filter(|char| char.is_alphanumeric() || matches!(*char, ' ' | '-' | '_'));
        let anchor: String = kept.map(|char| if char == ' ' { '-' } else { char }).collect();
        let again = (1..).map(|number| format!("{anchor}-{number}"));
        let first_free = std::iter::once(anchor.clone()).chain(again).find(|anchor| !found.contains(anchor));
        found.extend(first_free);
    }
    found
}

/// Why a link of the document at `path` leads nowhere.
fn broken(documents: &BTreeMap<PathBuf, String>, path: &Path, link: &str) -> Option<&'static str> {
    let (file, anchor) = link.split_once('#').map_or((link, None), |(file, anchor)| (file, Some(anchor)));
    let target = if file.is_empty() { path.to_owned() } else { path.parent().unwrap().join(file) };
    let Ok(target) = fs::canonicalize(target) else { return Some("there is no such file") };
    let anchor = anchor?;
    match documents.get(&target) {
        Some(text) if anchors(text).contains(anchor) => None,
        Some(_) => Some("there is no such heading"),
        None => Some("only documents have headings"),
    }
}

#[test]
fn every_link_of_a_document_leads_somewhere() {
    let documents = files(&root(), ".md");
    assert!(documents.len() > 30, "{:?}", documents.keys());
    let mut found = Vec::new();
    for (path, text) in &documents {
        let ours = links(text).into_iter().filter(|link| !link.contains("://"));
        for link in ours {
            if let Some(why) = broken(&documents, path, &link) {
                found.push(format!("{}: {link}: {why}", path.display()));
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn every_document_of_docs_is_reached_from_the_readme() {
    let readme = links(&read("README.md"));
    for path in files(&root().join("docs"), ".md").keys() {
        let name = format!("docs/{}", path.file_name().unwrap().to_string_lossy());
        assert!(
            readme.iter().any(|link| link.split('#').next() == Some(name.as_str())),
            "the README does not link to {name}"
        );
    }
}

#[test]
fn anchors_are_those_of_headings() {
    let text = "# A `b`, c?\n```sh\n# no heading\n```\n## Twice\n## Twice\n### Kafka's and the database's users\n";
    let found: Vec<String> = anchors(text).into_iter().collect();
    assert_eq!(found, ["a-b-c", "kafkas-and-the-databases-users", "twice", "twice-1"]);
    let text = "See [`x`](a.md) and [y](b.md#c), `[z](d.md)`.\n```\n[w](e.md)\n```\n";
    assert_eq!(links(text), ["a.md", "b.md#c"]);
}

#[test]
fn every_alert_has_its_section_of_the_runbook() {
    let rules = read("deploy/observability/alerts.yml");
    let sections = anchors(&read("docs/operations.md"));
    let mut alerts = 0;
    for runbook in rules.lines().filter_map(|line| line.trim().strip_prefix("runbook: ")) {
        let anchor = runbook.strip_prefix("docs/operations.md#");
        assert!(anchor.is_some_and(|anchor| sections.contains(anchor)), "{runbook}");
        alerts += 1;
    }
    assert_eq!(alerts, rules.lines().filter(|line| line.trim().starts_with("- alert: ")).count());
}

#[test]
fn every_reason_of_a_dead_letter_is_explained() {
    let source = read("schema/src/reason.rs");
    let (_, reasons) = source.split_once("ParkReason {").unwrap();
    let (reasons, _) = reasons.split_once('}').unwrap();
    let reasons: Vec<&str> = reasons.split('"').skip(1).step_by(2).collect();
    assert!(reasons.len() > 15, "{reasons:?}");
    let document = read("docs/dead-letters.md");
    let rows: Vec<&str> = document.lines().filter(|line| line.starts_with("| `")).collect();
    for reason in reasons {
        assert!(
            rows.iter().any(|row| row.contains(&format!("`{reason}`"))),
            "docs/dead-letters.md says nothing about {reason}"
        );
    }
}

fn program(name: &str) -> Command {
    let path = match name {
        "xtask" => PathBuf::from(env!("CARGO_BIN_EXE_xtask")),
        _ => PathBuf::from(env::var_os("LEDGER_TEST_BIN_DIR").expect("run `cargo xtask test`")).join(name),
    };
    let mut command = Command::new(path);
    // Neither a file of settings nor variables of who runs the tests.
    command.env_clear().env("LEDGER_CONFIG", "");
    command
}

/// What a program prints on stdout, if it ends with 0.
fn printed(name: &str, arguments: &[&str]) -> Option<String> {
    let output = program(name).args(arguments).output().unwrap();
    output.status.success().then(|| String::from_utf8(output.stdout).unwrap())
}

/// The words of `text` that are made of these characters, begin so, and say more than that.
fn words(text: &str, prefix: &str, is_part: fn(char) -> bool) -> BTreeSet<String> {
    let words = text.split(|char: char| !is_part(char)).filter(|word| word.len() > prefix.len());
    words.filter(|word| word.starts_with(prefix)).map(str::to_owned).collect()
}

fn is_of_a_variable(char: char) -> bool {
    char.is_ascii_uppercase() || char.is_ascii_digit() || char == '_'
}

fn is_of_a_metric(char: char) -> bool {
    char.is_ascii_lowercase() || char.is_ascii_digit() || char == '_'
}

fn is_of_a_flag(char: char) -> bool {
    char.is_ascii_lowercase() || char.is_ascii_digit() || char == '-'
}

#[test]
fn the_list_of_settings_has_every_setting_and_no_other() {
    let help = printed("order-service", &["--help"]).unwrap();
    // A long line is broken anywhere.
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    let of_services = help.split("[env: ").skip(1).filter_map(|rest| rest.split(['=', ']']).next());
    let shown: Value =
        serde_json::from_str(&printed("ledger", &["config", "show", "--output", "json"]).unwrap()).unwrap();
    let of_ledger = shown["settings"].as_array().unwrap().iter().map(|setting| setting["variable"].as_str().unwrap());
    let expected: BTreeSet<String> = of_services.chain(of_ledger).map(str::to_owned).collect();
    assert!(expected.len() > 60, "{expected:?}");
    assert_eq!(words(&read("docs/settings.md"), "LEDGER_", is_of_a_variable), expected);
}

#[test]
fn the_list_of_metrics_has_every_metric_and_no_other() {
    let mut expected = words(&read("services/src/metrics.rs"), "order_service_", is_of_a_metric);
    // The gateway's own stands in its answer.
    let gateway = read("deploy/nginx/ledger.conf.template");
    expected
        .extend(gateway.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next().map(str::to_owned)));
    for text in files(&root().join("projector/src/meters"), ".rs").values() {
        let quoted = text.split('"').filter(|piece| piece.chars().all(is_of_a_metric));
        expected.extend(quoted.flat_map(|piece| words(piece, "ledger_", is_of_a_metric)));
    }
    assert!(expected.len() > 60, "{expected:?}");
    let list = read("docs/metrics.md");
    let mut found = words(&list, "ledger_", is_of_a_metric);
    found.extend(words(&list, "order_service_", is_of_a_metric));
    assert_eq!(found, expected);
}

/// Command lines as a document shows them: lines of its blocks of code, where a backslash goes on, and what stands between backticks.
fn command_lines(text: &str) -> Vec<String> {
    let mut found = vec![String::new()];
    for (in_code, line) in lines(text) {
        if in_code {
            let last = found.last_mut().unwrap();
            match line.strip_suffix('\\') {
                Some(begin) => last.push_str(begin),
                None => {
                    last.push_str(line);
                    found.push(String::new());
                }
            }
        } else {
            found.extend(line.split('`').skip(1).step_by(2).map(str::to_owned));
            found.push(String::new());
        }
    }
    found
}

/// The flags that the help of a command names; nothing where there is no such command.
struct Helps(BTreeMap<(String, Vec<String>), Option<BTreeSet<String>>>);

impl Helps {
    fn flags(&mut self, program: &str, command: &[String]) -> Option<&BTreeSet<String>> {
        let entry = self.0.entry((program.to_owned(), command.to_owned()));
        let flags = entry.or_insert_with(|| {
            let arguments: Vec<&str> = command.iter().map(String::as_str).chain(["--help"]).collect();
            printed(program, &arguments).map(|help| words(&help, "--", is_of_a_flag))
        });
        flags.as_ref()
    }

    /// What is wrong with a program's words, of one or of several commands (`get|confirm`).
    fn wrong(&mut self, program: &str, words_of_it: &[&str]) -> Vec<String> {
        let mut commands: Vec<Vec<String>> = vec![Vec::new()];
        let mut asked = BTreeSet::new();
        for word in words_of_it {
            if word.trim_start_matches(['[', '(']).starts_with("--") {
                asked.extend(words(word, "--", is_of_a_flag));
            } else if commands[0].len() < 2 && word.starts_with(|char: char| char.is_ascii_lowercase()) {
                let mut longer = Vec::new();
                for (command, next) in
                    commands.iter().flat_map(|command| word.split('|').map(move |next| (command, next)))
                {
                    longer.push([command.as_slice(), &[next.to_owned()]].concat());
                }
                if longer.iter().all(|command| self.flags(program, command).is_some()) {
                    commands = longer;
                }
            }
        }
        let mut wrong = Vec::new();
        for command in commands {
            let known = self.flags(program, &command).unwrap();
            let unknown = asked.difference(known).map(|flag| format!("{program} {}: {flag}", command.join(" ")));
            wrong.extend(unknown);
        }
        wrong
    }
}

#[test]
fn every_flag_that_a_document_shows_is_one_of_its_command() {
    let mut documents = files(&root().join("docs"), ".md");
    for name in ["README.md", "CONTRIBUTING.md"] {
        documents.insert(root().join(name), read(name));
    }
    let mut helps = Helps(BTreeMap::new());
    let (mut seen, mut wrong) = (0, BTreeSet::new());
    for line in documents.values().flat_map(|text| command_lines(text)) {
        let words: Vec<&str> = line.split_whitespace().collect();
        for (at, program) in words.iter().enumerate().filter(|(_, word)| matches!(**word, "ledger" | "xtask")) {
            let rest = words[at + 1..]
                .iter()
                .take_while(|word| !word.starts_with('#') && !matches!(**word, "|" | "&&" | "--"));
            let rest: Vec<&str> = rest.copied().collect();
            // `cargo xtask ledger ..` is counted as the `ledger` in it.
            if rest.first().is_some_and(|word| *word != "ledger") {
                seen += 1;
                wrong.extend(helps.wrong(program, &rest));
            }
        }
    }
    assert!(seen > 100, "{seen} command lines");
    assert!(wrong.is_empty(), "{wrong:#?}");
}
