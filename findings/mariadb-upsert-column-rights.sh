#!/usr/bin/env bash
# MariaDB 10.11.19 and 11.8.9: an upsert asks for the right to UPDATE every column that its INSERT names, not only those it updates.
#
# A writer may insert rows and change their status: GRANT SELECT, INSERT, UPDATE (status). It can INSERT, and it can UPDATE the status; but
# `INSERT INTO orders (id, quantity, status) VALUES (..) ON DUPLICATE KEY UPDATE status = VALUES(status)` is error 1143 for the column id,
# whether the row is there already or not. With UPDATE on `id` as well the error names `quantity`. So rights by column, which keep keys and
# amounts from being changed, do not go together with upserts: grant UPDATE on all the columns that the INSERT names, or write INSERT and
# UPDATE as two statements.
#
# Source: MySQL's manual, INSERT Statement: UPDATE is needed for the columns that are updated when a key is there twice, SELECT for those that
# are only read. MariaDB's pages on the statement and on GRANT do not say otherwise. sql/sql_parse.cc of the server (`insert_precheck` wants
# INSERT and UPDATE), sql/sql_insert.cc (`check_insert_fields` looks up the listed columns while both are wanted).
# What follows from it here: the projector's rights on orders and reservations are of the whole row.
#
# Needs MariaDB 10.11 (Debian 12) and apt for the other. Takes twenty seconds.
source "$(dirname "$0")/lib.sh"

cat >"$work/create.sql" <<'SQL'
CREATE DATABASE found;
CREATE TABLE found.orders (id INT PRIMARY KEY, quantity INT NOT NULL, status VARCHAR(20) NOT NULL);
CREATE USER writer;
GRANT SELECT, INSERT, UPDATE (status) ON found.orders TO writer;
SQL

# attempt WHAT STATEMENT: as the writer.
attempt() {
    local said
    if said=$(mariadb --no-defaults --socket="$SOCKET" -uwriter --batch found -e "$2" 2>&1); then said=done; fi
    printf '%s\t%s\n' "$1" "$(grep -oE "^done|^ERROR [0-9]+|[A-Z]+ command denied|column '[a-z]+'" <<<"$said" | paste -sd' ')"
}

all() {
    local row="INSERT INTO orders (id, quantity, status)" update="ON DUPLICATE KEY UPDATE status = VALUES(status)"
    sql <"$work/create.sql"
    attempt "INSERT" "$row VALUES (1, 2, 'placed')"
    attempt "UPDATE the status" "UPDATE orders SET status = 'confirmed' WHERE id = 1"
    attempt "both, the row is there" "$row VALUES (1, 2, 'rejected') $update"
    attempt "both, the row is new" "$row VALUES (2, 2, 'rejected') $update"
    attempt "both, from a SELECT" "$row SELECT 1, 2, 'rejected' $update"
    sql -e "GRANT UPDATE (id) ON found.orders TO writer"
    attempt "with UPDATE (id)" "$row VALUES (1, 2, 'rejected') $update"
    sql -e "GRANT UPDATE (quantity) ON found.orders TO writer"
    attempt "with UPDATE (quantity) as well" "$row VALUES (1, 2, 'rejected') $update"
}

for release in 10.11 11.8; do
    if [ $release = 11.8 ]; then mariadb_get; fi
    mariadb_start $release
    sql -e "SELECT VERSION()"
    all >"$work/found"
    seen_lines "$work/found" <<'FOUND'
INSERT	done
UPDATE the status	done
both, the row is there	ERROR 1143 UPDATE command denied column 'id'
both, the row is new	ERROR 1143 UPDATE command denied column 'id'
both, from a SELECT	ERROR 1143 UPDATE command denied column 'id'
with UPDATE (id)	ERROR 1143 UPDATE command denied column 'quantity'
with UPDATE (quantity) as well	done
FOUND
    stop
done
verdict
