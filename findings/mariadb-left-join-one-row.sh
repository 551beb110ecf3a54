#!/usr/bin/env bash
# MariaDB 10.11.19 and 11.8.9: ORDER BY the key with LIMIT 5 reads and sorts all rows when the table is LEFT JOINed to one constant row.
#
# `one LEFT JOIN many` is how a page of rows and a row that is always there (a position, a total) are read in one statement. The constant
# row is read first, and what remains is the same look-up by the same key, in that key's order; with an inner join no sorting is done, and
# neither with the LEFT JOIN written the other way round. With the constant row on the left, all rows of the key are read into a temporary table,
# and sorted: the LIMIT saves nothing. Two statements in one snapshot, or an inner join to a table that has the row for certain, read five.
#
# Source: EXPLAIN and the Handler counters, as below; documentation of EXPLAIN (`const`: read once, treated as constants by the rest).
#
# Needs MariaDB 10.11 (Debian 12) and apt for the other. Takes half a minute.
source "$(dirname "$0")/lib.sh"

cat >"$work/join.sql" <<'SQL'
CREATE DATABASE found;
USE found;
CREATE TABLE one (id INT PRIMARY KEY, position INT NOT NULL);
CREATE TABLE many (shop INT NOT NULL, line INT NOT NULL, text VARCHAR(100) NOT NULL, PRIMARY KEY (shop, line));
INSERT INTO one VALUES (1, 42);
INSERT INTO many SELECT seq % 10, seq, REPEAT('x', 50) FROM seq_1_to_100000;
ANALYZE TABLE many;
SQL
# read WHAT FROM: the extra column of EXPLAIN's rows, and how many rows were read by key order, in a scan, and written to a temporary table.
read_by() {
    local statement="SELECT many.*, one.position FROM $2 ORDER BY many.line LIMIT 5"
    sql found -e "EXPLAIN $statement" | grep -q 'Using filesort' && echo "$1: filesort" || echo "$1: no filesort"
    sql found -e "FLUSH STATUS; $statement; SHOW STATUS WHERE Variable_name IN ('Handler_read_next', 'Handler_tmp_write', 'Sort_rows')" |
        grep -E 'Handler|Sort' | sed "s/^/$1: /"
}
for release in 10.11 11.8; do
    if [ $release = 11.8 ]; then mariadb_get; fi
    mariadb_start $release
    sql -e "SELECT VERSION()"
    sql <"$work/join.sql" >/dev/null
    {
        read_by "inner join" "one JOIN many ON many.shop = 3 WHERE one.id = 1"
        read_by "many left join one" "many LEFT JOIN one ON one.id = 1 WHERE many.shop = 3"
        read_by "one left join many" "one LEFT JOIN many ON many.shop = 3 WHERE one.id = 1"
    } >"$work/found"
    seen_lines "$work/found" <<'FOUND'
inner join: no filesort
inner join: Handler_read_next	4
inner join: Handler_tmp_write	0
inner join: Sort_rows	0
many left join one: no filesort
many left join one: Handler_read_next	4
many left join one: Handler_tmp_write	0
many left join one: Sort_rows	0
one left join many: filesort
one left join many: Handler_read_next	10000
one left join many: Handler_tmp_write	10000
one left join many: Sort_rows	5
FOUND
    stop
done
verdict
