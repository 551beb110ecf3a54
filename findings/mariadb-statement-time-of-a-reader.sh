#!/usr/bin/env bash
# MariaDB 10.11.19 and 11.8.9: max_statement_time counts the time in which the client does not read, and ends its SELECT in the middle of the rows.
#
# It is the time that a query may execute. A program that reads a table row by row, and does something with each, keeps the server waiting: the connection
# is full, the server has nothing to do, and the time passes. So a SELECT of some hundredths of a second is error 1969 for a reader that stops to think for five
# seconds under a limit of three, after rows that were right. The error comes later than the limit, once the reader goes on. With fewer rows than the
# connection holds it does not happen: the server was done with them. So a limit that protects the server from long queries also ends every export, comparison and stream
# that takes longer at the client's side, and a try with a small table does not show it. (Reading all rows at once, as most clients do by default, is not concerned.)
#
# Source: documentation of max_statement_time ("Aborting statements that exceed a certain time to execute"), which does not speak of the client and has the
# statement look at intervals whether it is to end.
# What follows from it here: every session sets max_statement_time=0 for itself.
#
# Needs MariaDB 10.11 (Debian 12), apt for the other, and Python. Takes half a minute.
source "$(dirname "$0")/lib.sh"

pip_get PyMySQL==1.2.4
cat >"$work/read.py" <<'PY'
import sys, time
import pymysql
from pymysql.cursors import Cursor, SSCursor

def told(what, rows, pause, cursor_class=SSCursor):
    connection = pymysql.connect(unix_socket=sys.argv[1], user="root", database="mysql")
    cursor = connection.cursor(cursor_class)
    cursor.execute("SET max_statement_time = 3")
    begin, read, error = time.monotonic(), 0, None
    try:
        cursor.execute(f"SELECT REPEAT('x', 1000) FROM seq_1_to_{rows}")
        for _ in cursor:
            read += 1
            if read == 10:
                time.sleep(pause)
    except pymysql.Error as failure:
        error = failure.args[0]
    print(what, f"error {error} after some of the rows" if error and 10 < read < rows else error or f"{read} rows", sep="\t")

told("read at once", 20000, 0)
told("five seconds of doing something else", 20000, 5)
told("the same, all rows fetched before", 20000, 5, Cursor)
told("the same, few rows", 50, 5)
PY
for release in 10.11 11.8; do
    if [ $release = 11.8 ]; then mariadb_get; fi
    mariadb_start $release
    sql -e "SELECT VERSION()"
    "$work/python/bin/python" "$work/read.py" "$SOCKET" >"$work/found"
    seen_lines "$work/found" <<'FOUND'
read at once	20000 rows
five seconds of doing something else	error 1969 after some of the rows
the same, all rows fetched before	20000 rows
the same, few rows	50 rows
FOUND
    stop
done
verdict
