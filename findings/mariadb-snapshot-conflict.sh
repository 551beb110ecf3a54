#!/usr/bin/env bash
# MariaDB 11.8.9: in REPEATABLE READ a second insert of one key is error 1020, not 1062; it ends the whole transaction, and what follows is kept.
#
# Since 11.6.2 innodb_snapshot_isolation is ON. A transaction that has read, and then meets a row which another one committed since, gets
# 1020 "Record has changed since last read". That holds for an INSERT, too: idempotent writers that insert and take 1062 (duplicate) for "it is there
# already" do not see it, and INSERT IGNORE and ON DUPLICATE KEY UPDATE fail as well. So does FOR UPDATE SKIP LOCKED, which workers use to share
# a queue: a row that another one has just released is neither skipped nor given.
#
# The error rolls back all of the transaction, like a deadlock, unlike the other errors of one statement: in autocommit mode the connection is
# in no transaction then. A program that goes on to its next statement has that one committed alone, and a ROLLBACK afterwards does not
# undo it. On 10.11.19 the same statements give 1062, and the transaction stays. READ COMMITTED gives 1062 on 11.8 as well.
#
# Source: documentation of innodb_snapshot_isolation; InnoDB's DB_RECORD_CHANGED, which the server reports as ER_CHECKREAD (1020).
#
# Needs MariaDB 10.11 (Debian 12), apt for the other, and Python. Takes half a minute.
source "$(dirname "$0")/lib.sh"

pip_get PyMySQL==1.2.4
cat >"$work/conflict.py" <<'PY'
import sys
import pymysql

def connect(**settings):
    return pymysql.connect(unix_socket=sys.argv[1], user="root", autocommit=True, **settings).cursor()

def attempt(cursor, statement):
    try:
        return f"{cursor.execute(statement)} rows"
    except pymysql.Error as error:
        return str(error.args[0])

def rows(cursor):
    cursor.execute("SELECT GROUP_CONCAT(id ORDER BY id) FROM found.ids")
    return cursor.fetchone()[0]

def case(statement, isolation="REPEATABLE READ"):
    mine, other = connect(), connect()
    other.execute("CREATE OR REPLACE TABLE found.ids (id INT PRIMARY KEY, times INT NOT NULL DEFAULT 1)")
    mine.execute(f"SET SESSION TRANSACTION ISOLATION LEVEL {isolation}")
    mine.execute("START TRANSACTION")
    mine.execute("INSERT INTO found.ids (id) VALUES (1)")  # of this transaction, before
    mine.execute("SELECT * FROM found.ids")  # its snapshot
    other.execute("INSERT INTO found.ids (id) VALUES (7)")  # committed by another one
    found = attempt(mine, statement)
    mine.execute("SELECT @@in_transaction")
    state = "in a transaction" if mine.fetchone()[0] else "in none"
    mine.execute("INSERT INTO found.ids (id) VALUES (2)")  # of this transaction, after
    mine.execute("ROLLBACK")
    kept = rows(mine)
    print(isolation, statement.split(" INTO")[0].split(" * ")[0] + (" .. ON DUPLICATE" if "ON DUP" in statement else ""), found, state, "kept after ROLLBACK: " + kept, sep="\t")

connect().execute("CREATE DATABASE found")
case("INSERT INTO found.ids (id) VALUES (7)")
case("INSERT IGNORE INTO found.ids (id) VALUES (7)")
case("INSERT INTO found.ids (id) VALUES (7) ON DUPLICATE KEY UPDATE times = times + 1")
case("SELECT * FROM found.ids WHERE id > 1 FOR UPDATE SKIP LOCKED")
case("INSERT INTO found.ids (id) VALUES (7)", "READ COMMITTED")
PY
mariadb_start 10.11
sql -e "SELECT VERSION()"
"$work/python/bin/python" "$work/conflict.py" "$SOCKET" >"$work/found"
seen_lines "$work/found" <<'FOUND'
REPEATABLE READ	INSERT	1062	in a transaction	kept after ROLLBACK: 7
REPEATABLE READ	INSERT IGNORE	0 rows	in a transaction	kept after ROLLBACK: 7
REPEATABLE READ	INSERT .. ON DUPLICATE	2 rows	in a transaction	kept after ROLLBACK: 7
REPEATABLE READ	SELECT	1 rows	in a transaction	kept after ROLLBACK: 7
READ COMMITTED	INSERT	1062	in a transaction	kept after ROLLBACK: 7
FOUND
stop
mariadb_get
mariadb_start 11.8
sql -e "SELECT VERSION()"
"$work/python/bin/python" "$work/conflict.py" "$SOCKET" >"$work/found"
seen_lines "$work/found" <<'FOUND'
REPEATABLE READ	INSERT	1020	in none	kept after ROLLBACK: 2,7
REPEATABLE READ	INSERT IGNORE	1020	in none	kept after ROLLBACK: 2,7
REPEATABLE READ	INSERT .. ON DUPLICATE	1020	in none	kept after ROLLBACK: 2,7
REPEATABLE READ	SELECT	1020	in none	kept after ROLLBACK: 2,7
READ COMMITTED	INSERT	1062	in a transaction	kept after ROLLBACK: 7
FOUND
verdict
