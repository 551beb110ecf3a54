#!/usr/bin/env bash
# MariaDB 10.11.19 and 11.8.9: INSERT .. SELECT from JSON_TABLE stores 2147483647 for 4294967297, in strict mode and with ERROR ON ERROR.
#
# `ERROR ON ERROR` says that a value which cannot become the column's type is an error; STRICT_ALL_TABLES says that a value out of
# range is not stored. Neither holds for a column of JSON_TABLE: a number out of range becomes the largest of the type, 7.9 becomes 8, text
# becomes 0 or loses its end, each with a warning at most. The strict mode compares with the column that is written to, which gets a value
# of its own range by then. An array in the place of a number is refused, as documented.
# Declare the columns wider than what is written to (BIGINT, VARCHAR(255)): then the strict mode sees the value.
#
# Source: sql/json_table.cc of the server (`On_response` is asked where a path leads to nothing or to no scalar); documentation of JSON_TABLE.
#
# Needs MariaDB 10.11 (Debian 12) and apt for the other. Takes twenty seconds.
source "$(dirname "$0")/lib.sh"

cat >"$work/table.sql" <<'SQL'
CREATE DATABASE found;
USE found;
SET sql_mode = 'STRICT_ALL_TABLES';
CREATE TABLE numbers (number INT);
CREATE TABLE texts (text VARCHAR(3));
INSERT INTO numbers SELECT number FROM JSON_TABLE('[4294967297, 7.9, "x"]', '$[*]' COLUMNS (number INT PATH '$' ERROR ON ERROR)) AS json;
INSERT INTO texts SELECT text FROM JSON_TABLE('["abcdef"]', '$[*]' COLUMNS (text VARCHAR(3) PATH '$' ERROR ON ERROR)) AS json;
SELECT 'stored', number FROM numbers;
SELECT 'stored', text FROM texts;
INSERT INTO numbers SELECT number FROM JSON_TABLE('[[1]]', '$[*]' COLUMNS (number INT PATH '$' ERROR ON ERROR)) AS json;
INSERT INTO numbers SELECT number FROM JSON_TABLE('[4294967297]', '$[*]' COLUMNS (number BIGINT PATH '$' ERROR ON ERROR)) AS json;
INSERT INTO texts SELECT text FROM JSON_TABLE('["abcdef"]', '$[*]' COLUMNS (text VARCHAR(255) PATH '$' ERROR ON ERROR)) AS json;
SQL
for release in 10.11 11.8; do
    if [ $release = 11.8 ]; then mariadb_get; fi
    mariadb_start $release
    sql -e "SELECT VERSION()"
    sql --force <"$work/table.sql" >"$work/found" 2>"$work/errors" || true
    grep '^ERROR' "$work/errors" | sed 's/ at line [0-9]*//' >>"$work/found"
    seen_lines "$work/found" <<'FOUND'
stored	2147483647
stored	8
stored	0
stored	abc
ERROR 4178 (HY000): Can't store an array or an object in the scalar column 'number' of JSON_TABLE 'json'.
ERROR 1264 (22003): Out of range value for column 'number' at row 1
ERROR 1406 (22001): Data too long for column 'text' at row 1
FOUND
    stop
done
verdict
