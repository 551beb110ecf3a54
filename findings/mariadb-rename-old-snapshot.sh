#!/usr/bin/env bash
# MariaDB 10.11.19 and 11.8.9: after a swap by RENAME TABLE, a transaction with an older snapshot finds the new table empty or half full.
#
# `RENAME TABLE orders TO orders_old, orders_new TO orders` is atomic: nobody finds no table, and who has read the old one in an open transaction is
# waited for. But a transaction in REPEATABLE READ, the default, that began before the swap and has read other tables only, opens the new table
# and looks at it with its old snapshot: it sees the rows of `orders_new` that were committed when it began, some or none, and not one of the
# old table's. No error and no warning; error 1412 (table definition has changed) comes only when `orders_new` was created after the snapshot,
# so not while a large table is filled for hours.
#
# In READ COMMITTED it sees the new table. A transaction that must not have it otherwise reads from the table at its beginning: then the swap
# waits for its end.
#
# Source: documentation of RENAME TABLE (done atomically); that of mariadb-dump --single-transaction, which asks for no RENAME TABLE meanwhile,
# as a consistent snapshot is not isolated from it. The server's ER_TABLE_DEF_CHANGED (1412).
# What follows from it here: every session of this project reads in READ COMMITTED; who reads its tables with another program should, too.
#
# Needs MariaDB 10.11 (Debian 12), apt for the other, and Python. Takes half a minute.
source "$(dirname "$0")/lib.sh"

pip_get PyMySQL==1.2.4
cat >"$work/swap.py" <<'PY'
import sys
import pymysql

def connect():
    return pymysql.connect(unix_socket=sys.argv[1], user="root", database="found", autocommit=True).cursor()

def attempt(cursor, statement):
    try:
        cursor.execute(statement)
        return " ".join(str(row[0]) for row in cursor.fetchall()) or "no rows"
    except pymysql.Error as error:
        return f"error {error.args[0]}"

def case(what, before, after, isolation="REPEATABLE READ", reads="other"):
    """The statements before and after the snapshot of a reader; then the swap, and what the reader finds."""
    owner, reader = connect(), connect()
    for statement in ("DROP TABLE IF EXISTS other, orders, orders_old, orders_new", "CREATE TABLE other (id INT PRIMARY KEY)",
                      "CREATE TABLE orders (id INT PRIMARY KEY)", "INSERT INTO orders VALUES (1), (2), (3)", *before):
        owner.execute(statement)
    reader.execute(f"SET SESSION TRANSACTION ISOLATION LEVEL {isolation}")
    reader.execute("START TRANSACTION")
    reader.execute(f"SELECT * FROM {reads}")  # its snapshot
    for statement in after:
        owner.execute(statement)
    swapped = attempt(owner, "RENAME TABLE orders WAIT 3 TO orders_old, orders_new TO orders")
    print(what, isolation, "swapped" if swapped == "no rows" else swapped, attempt(reader, "SELECT id FROM orders ORDER BY id"), sep="\t")
    reader.execute("ROLLBACK")

create, first, others = "CREATE TABLE orders_new LIKE orders", "INSERT INTO orders_new VALUES (1)", "INSERT INTO orders_new VALUES (2), (3), (4)"
case("all before the snapshot", [create, first, others], [])
case("half filled before", [create, first], [others])
case("created before", [create], [first, others])
case("created after", [], [create, first, others])
case("created before", [create], [first, others], isolation="READ COMMITTED")
case("created before, the old table read", [create], [first, others], reads="orders")
PY
for release in 10.11 11.8; do
    if [ $release = 11.8 ]; then mariadb_get; fi
    mariadb_start $release
    sql -e "SELECT VERSION(); CREATE DATABASE found"
    "$work/python/bin/python" "$work/swap.py" "$SOCKET" >"$work/found"
    seen_lines "$work/found" <<'FOUND'
all before the snapshot	REPEATABLE READ	swapped	1 2 3 4
half filled before	REPEATABLE READ	swapped	1
created before	REPEATABLE READ	swapped	no rows
created after	REPEATABLE READ	swapped	error 1412
created before	READ COMMITTED	swapped	1 2 3 4
created before, the old table read	REPEATABLE READ	error 1205	1 2 3
FOUND
    stop
done
verdict
