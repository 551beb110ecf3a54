//! What each `--help` ends with: lines that can be typed. It must never show one that the command would refuse: a test parses all of them.

pub const PROGRAM: &str =
    "Exit codes: 0 done, 1 found a difference or refused, 2 wrong usage, 3 a server cannot be reached.
A flag with a variable may also stand in a configuration file (`ledger config show`).";

pub const PROJECT: &str = "Examples:
  ledger project
  ledger project --listen 0.0.0.0:8090 --auth on --writers 4
  ledger --profile production project";

pub const MIGRATE: &str = "Examples:
  ledger migrate
  ledger migrate --partitions 12 --replication-factor 3";

pub const STATUS: &str = "Examples:
  ledger status
  ledger status --output json | jq '.partitions[] | select(.lag > 0)'";

pub const PAUSE: &str = "Examples:
  ledger pause 3 --reason 'wrong prices since 14:02'
  ledger pause --as ann

Once it has returned, nothing of the partition is folded, whoever has it, until it is resumed; orders are taken meanwhile, and stay
pending. What is decided already is still published.";

pub const RESUME: &str = "Examples:
  ledger resume 3
  ledger resume --reason 'prices mended'";

pub const SKIP: &str = "Examples:
  ledger skip 3 4711 --reason 'stops the projector, ticket 815'
  ledger skip 3 4711 --reason 'test order' --as ann

Only the next record to be folded can be skipped. Where records flow, pause the partition first and resume it afterwards. It becomes a
dead letter with the reason `skipped`, which `dead-letters redrive` can append again.";

pub const DOCTOR: &str = "Examples:
  ledger doctor
  ledger doctor --url http://127.0.0.1:8080 --projector-url http://127.0.0.1:8090
  ledger doctor --output json | jq '.findings[] | select(.verdict != \"fine\")'

It changes nothing. Exit codes: 0 all fine (warnings, too), 1 something is wrong, 3 a server cannot be reached; the rest is looked at all the same.";

pub const DEBUG: &str = "Examples:
  ledger debug bundle --file /tmp/for-the-report.tar";

pub const DEBUG_BUNDLE: &str = "Examples:
  ledger debug bundle
  ledger debug bundle --file /tmp/for-the-report.tar --force --projector-url http://127.0.0.1:8090

No secret and no order is in it. What cannot be had is in it as a text that says why.";

pub const VERIFY: &str = "Examples:
  ledger verify
  ledger verify --sample 100";

pub const REBUILD: &str = "Examples:
  ledger rebuild --dry-run
  ledger rebuild
  ledger rebuild --yes --writers 4";

pub const ROLLBACK: &str = "Examples:
  ledger rollback
  ledger rollback --to 3 --yes";

pub const GENERATIONS: &str = "Examples:
  ledger generations list
  ledger generations drop 2";

pub const IMPORT: &str = "Examples:
  ledger import --topic old-orders --stock stock.csv
  ledger import --topic old-orders --map order_id=id --minor-units 2 --derive-ids --follow";

pub const VERIFY_IMPORT: &str = "Examples:
  ledger verify-import --url mysql://reader@old-host/shop --table orders
  ledger verify-import --table orders --topic old-orders --minor-units 2";

pub const DEAD_LETTERS: &str = "Examples:
  ledger dead-letters list --reason wrong-key
  ledger dead-letters show 1:41
  ledger dead-letters redrive 1:41 --event mended.json
  ledger dead-letters redrive --reason wrong-key --dry-run";

pub const REDRIVE: &str = "Examples:
  ledger dead-letters redrive 1:41 --event mended.json
  ledger dead-letters redrive 1:41
  ledger dead-letters redrive --reason wrong-key --dry-run
  ledger dead-letters redrive --reason unknown-version --since 2026-11-28T00:00:00Z

A run that died, or is repeated, appends nothing twice: each record has a mark of its own.";

pub const KEYS: &str = "Examples:
  ledger keys create --role operator
  ledger keys create --role customer --user ann --expires 30d
  ledger keys list
  ledger keys revoke 0123456789abcdef

A key is shown once, when it is made; only its hash is stored. A revoked one is refused within 5 seconds.";

pub const STOCK: &str = "Examples:
  ledger stock get chocolate
  ledger stock --explain chocolate
  ledger stock --as-of 2026-11-23T10:00:00Z --product chocolate";

pub const STOCK_GET: &str = "Examples:
  ledger stock get chocolate
  ledger stock get chocolate --after 1:41 --output json";

pub const STOCK_LIST: &str = "Examples:
  ledger stock list
  ledger stock list --limit 20 --url http://127.0.0.1:8082";

pub const STOCK_RECEIVE: &str = "Examples:
  ledger stock receive chocolate 20
  ledger stock receive chocolate 20 --idempotency-key delivery-4711";

pub const STOCK_ADJUST: &str = "Examples:
  ledger stock adjust chocolate -2 --reason 'two bars melted'
  ledger stock adjust chocolate 1 --reason counted --idempotency-key count-2026-11";

pub const STOCK_WATCH: &str = "Examples:
  ledger stock watch
  ledger stock watch chocolate --count 10 --output json";

pub const ORDER: &str = "Examples:
  ledger order place --user ann --product chocolate --quantity 2 --unit-price 250
  ledger order watch 2ae1c95a-9f0d-5ff3-a917-096e8b54f8fa";

pub const ORDER_PLACE: &str = "Examples:
  ledger order place --user ann --product chocolate --quantity 2 --unit-price 250 --idempotency-key basket-17
  ledger order place --user ann --line chocolate:1:250 --line CATALOG-001:1:11000 --currency EUR --hold 900
  ledger order place --file order.json --wait 0

The same again under the same key is the same order. Without --idempotency-key a new one is made, which retries of this run share.";

pub const ORDER_GET: &str = "Examples:
  ledger order get 2ae1c95a-9f0d-5ff3-a917-096e8b54f8fa
  ledger order get 2ae1c95a-9f0d-5ff3-a917-096e8b54f8fa --after 1:11 --output json";

pub const ORDER_CONFIRM: &str = "Examples:
  ledger order confirm 38daa72e-47f1-5186-bc64-90b1d7c47414

Repeated, it answers the same.";

pub const ORDER_CANCEL: &str = "Examples:
  ledger order cancel 38daa72e-47f1-5186-bc64-90b1d7c47414 --note 'changed my mind'

Repeated, it answers the same.";

pub const ORDER_WATCH: &str = "Examples:
  ledger order watch 38daa72e-47f1-5186-bc64-90b1d7c47414 --after 1:13
  ledger order watch 38daa72e-47f1-5186-bc64-90b1d7c47414 && echo ship it";

pub const CONFIG: &str = "Examples:
  ledger config show";

pub const CONFIG_SHOW: &str = "Examples:
  ledger config show
  ledger --profile production config show --output json";

pub const COMPLETIONS: &str = "Examples:
  ledger completions bash > /etc/bash_completion.d/ledger
  ledger completions zsh > ~/.zfunc/_ledger";

pub const MAN: &str = "Examples:
  ledger man /usr/local/share/man/man1";

#[cfg(test)]
mod tests {
    use clap::{Command, CommandFactory};

    use crate::cli::Cli;

    /// Words of a line as a shell splits it, as far as the examples go: quotes, and what follows `|`, `>` or `&&` is another's.
    fn words(line: &str) -> Vec<String> {
        let mut words = vec![String::new()];
        let mut quoted = false;
        for c in line.chars() {
            match c {
                '\'' => quoted = !quoted,
                '|' | '>' | '&' if !quoted => break,
                ' ' if !quoted => words.push(String::new()),
                c => words.last_mut().expect("it begins with one").push(c),
            }
        }
        words.retain(|word| !word.is_empty());
        words
    }

    fn check(command: &Command, path: &str, checked: &mut usize) {
        let is_leaf = command.get_subcommands().next().is_none();
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        assert!(
            help.contains("  ledger ")
                || path == "ledger"
                || path.ends_with(" list")
                || !is_leaf
                || path.split(' ').count() > 2,
            "{path} has no example"
        );
        for line in help.lines().filter_map(|line| line.strip_prefix("  ")) {
            assert!(line.starts_with("ledger "), "{path}: {line}");
            let parsed = Cli::command().try_get_matches_from(words(line));
            assert!(parsed.is_ok(), "{line}: {parsed:?}");
            *checked += 1;
        }
        for subcommand in command.get_subcommands() {
            check(subcommand, &format!("{path} {}", subcommand.get_name()), checked);
        }
    }

    #[test]
    fn every_example_is_one_that_the_program_takes() {
        let mut checked = 0;
        check(&Cli::command(), "ledger", &mut checked);
        assert!(checked > 40, "{checked}");
    }
}
