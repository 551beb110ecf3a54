#!/usr/bin/env bash
# MariaDB 10.11.19 and 11.8.9: max_statement_time ends a waiting GET_LOCK with NULL, not with error 1969.
#
# The other statements that were tried are an error when they are stopped, 1969: one that waits for a row's lock, one that waits for a table,
# SLEEP. `SELECT GET_LOCK(..)` succeeds then, with one row that holds NULL. A client that reads the answer as a number or a boolean makes
# it 0 or false, "another one holds it", which is the answer for its own time limit; one that asks `= 0` or `IS NOT TRUE` takes different ways.
#
# Source: documentation of GET_LOCK (NULL where an error occurred, such as being killed) and of max_statement_time (error 1969).
#
# Needs MariaDB 10.11 (Debian 12), apt for the other, and Python. Takes half a minute.
source "$(dirname "$0")/lib.sh"

pip_get PyMySQL==1.2.4
cat >"$work/wait.py" <<'PY'
import sys
import pymysql

def connect():
    return pymysql.connect(unix_socket=sys.argv[1], user="root").cursor()

def attempt(what, statement):
    waiting = connect()
    try:
        waiting.execute("SET STATEMENT max_statement_time=0.5 FOR " + statement)
        print(what, waiting.fetchall(), sep="\t")
    except pymysql.Error as error:
        print(what, error.args[0], sep="\t")

holder = connect()
holder.execute("CREATE DATABASE found")
holder.execute("CREATE TABLE found.ids (id INT PRIMARY KEY)")
holder.execute("INSERT INTO found.ids VALUES (1)")
holder.execute("COMMIT")
holder.execute("SELECT GET_LOCK('found', 0)")
holder.execute("SELECT * FROM found.ids FOR UPDATE")
attempt("GET_LOCK, stopped", "SELECT GET_LOCK('found', 20)")
attempt("a row's lock, stopped", "SELECT * FROM found.ids FOR UPDATE")
attempt("a table's lock, stopped", "ALTER TABLE found.ids ADD COLUMN more INT")
attempt("SLEEP, stopped", "SELECT SLEEP(20)")
attempt("GET_LOCK, its own limit", "SELECT GET_LOCK('found', 0.1)")
PY
for release in 10.11 11.8; do
    if [ $release = 11.8 ]; then mariadb_get; fi
    mariadb_start $release
    sql -e "SELECT VERSION()"
    "$work/python/bin/python" "$work/wait.py" "$SOCKET" >"$work/found"
    seen_lines "$work/found" <<'FOUND'
GET_LOCK, stopped	((None,),)
a row's lock, stopped	1969
a table's lock, stopped	1969
SLEEP, stopped	1969
GET_LOCK, its own limit	((0,),)
FOUND
    stop
done
verdict
