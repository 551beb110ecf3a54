#!/usr/bin/env bash
# MariaDB 10.11.19: a server that starts deletes the temporary tables of another server that is at work, if both have the same tmpdir.
#
# tmpdir is /tmp unless said otherwise, for every server of a machine and for mariadb-install-db, which runs one to make the system tables. A server that
# starts takes every file there with its prefix for what it left behind itself. The other one keeps what it has open, so reading works; whatever makes,
# empties or drops the table by its name then fails: error 6 or 1051 in a session that did nothing wrong. Two installers at once make one of
# them fail now and then: "Unknown table 'mysql.tmp_user_sys'", and the data folder is not made (seen so in a continuous integration).
#
# Source: MariaDB's documentation of tmpdir, which says nothing of a second server; clashes of servers side by side in parallel tests, cause not told:
# kazuho/p5-test-mysqld, pull request 4.
# What follows from it here: the installer and the server of `cargo xtask` get a temporary folder of their own (TMPDIR, --tmpdir).
#
# Needs MariaDB 10.11 (Debian 12). Takes ten seconds.
source "$(dirname "$0")/lib.sh"

mariadb_start 10.11
shared=$work/data-10.11.tmp
sql -e "SELECT VERSION()"

# One session at the first server, which waits for a line before each further statement.
mkfifo "$work/statements"
sql --force --unbuffered mysql <"$work/statements" >"$work/said" 2>&1 &
session=$!
exec 3>"$work/statements"
echo "CREATE TEMPORARY TABLE basket (line INT) ENGINE=Aria; INSERT INTO basket VALUES (1); SELECT COUNT(*) FROM basket;" >&3
for _ in $(seq 100); do if [ -s "$work/said" ]; then break; fi; sleep 0.1; done
files() { find "$shared" -name '#sql-temptable*' | wc -l; }
seen "files of the temporary table before" 2 "$(files)"

# Another server's first start, in the same folder for temporary files, with data of its own.
user=()
if [ "$(id -u)" = 0 ]; then user=(--user=root); fi
TMPDIR=$shared mariadb-install-db --no-defaults "${user[@]}" --datadir="$work/data-other" --auth-root-authentication-method=normal \
    --skip-test-db >/dev/null 2>&1
seen "files of the temporary table after another server's start" 0 "$(files)"

echo "SELECT COUNT(*) FROM basket; ALTER TABLE basket ADD COLUMN product INT;" >&3
exec 3>&-
wait "$session" || true
seen "rows read before and after" "1 1" "$(grep -x 1 "$work/said" | xargs)"
seen "changing the table" "ERROR 6 (HY000)" "$(grep -o 'ERROR [0-9]* ([A-Z0-9]*)' "$work/said")"
verdict
# Seen: files 2 before, 0 after; rows 1 1; ERROR 6 (HY000)
