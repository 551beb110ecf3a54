#!/usr/bin/env bash
# MariaDB 10.11.19 and 11.8.9: RENAME TABLE .. NOWAIT fails now and then with error 1205 though nobody else is connected.
#
# NOWAIT is to fail when another one uses the table. InnoDB's own thread that renews the statistics of a table, soon after a tenth of
# its rows changed, uses it as well, for a moment. So a swap which follows the filling of the new table is told "lock wait timeout exceeded" without any
# wait and any other session, and a program that takes that for "a reader is in the way" looks for one in vain. With a short wait (WAIT 1) it does
# not happen, nor on tables with STATS_AUTO_RECALC=0.
#
# Source: documentation of WAIT and NOWAIT, which names no other holder of the lock than statements, and of innodb_stats_auto_recalc.
# What follows from it here: a swap waits (RENAME TABLE .. WAIT).
#
# Needs MariaDB 10.11 (Debian 12), apt for the other, and Python. Takes half a minute.
source "$(dirname "$0")/lib.sh"

pip_get PyMySQL==1.2.4
cat >"$work/rename.py" <<'PY'
import sys
import pymysql

# The only connection that there is.
cursor = pymysql.connect(unix_socket=sys.argv[1], user="root", autocommit=True).cursor()
cursor.execute("CREATE DATABASE found")
cursor.execute("USE found")

def attempt(wait, options):
    cursor.execute("DROP TABLE IF EXISTS orders, orders_new")
    cursor.execute("CREATE TABLE orders_new (id INT PRIMARY KEY)" + options)
    cursor.execute("INSERT INTO orders_new VALUES (1), (2), (3)")
    try:
        cursor.execute(f"RENAME TABLE orders_new {wait} TO orders")
        return None
    except pymysql.Error as error:
        return error.args

def told(what, wait, options="", attempts=200):
    failures = [failure for failure in (attempt(wait, options) for _ in range(attempts)) if failure]
    print(what, "all done" if not failures else f"some failed: {failures[0][0]}", sep="\t")
    print(f"{what}: {len(failures)} of {attempts} failed", file=sys.stderr)

told("NOWAIT", "NOWAIT")
told("WAIT 1", "WAIT 1")
told("NOWAIT, STATS_AUTO_RECALC=0", "NOWAIT", " STATS_AUTO_RECALC=0")
PY
for release in 10.11 11.8; do
    if [ $release = 11.8 ]; then mariadb_get; fi
    mariadb_start $release
    sql -e "SELECT VERSION()"
    "$work/python/bin/python" "$work/rename.py" "$SOCKET" >"$work/found"
    seen_lines "$work/found" <<'FOUND'
NOWAIT	some failed: 1205
WAIT 1	all done
NOWAIT, STATS_AUTO_RECALC=0	all done
FOUND
    stop
done
verdict
# Seen: NOWAIT: some failed: 1205, on both
