#!/usr/bin/env bash
# MariaDB 10.11.19 and 11.8.9: a time with an offset is refused where it is stored, and compared without its offset in WHERE.
#
# '2026-01-01T13:00:00+02:00' is 11:00 in UTC. An INSERT of it fails in strict mode (1292). In a condition it is cut after the seconds, with a warning
# that few clients show, and compared as 13:00; text that is no time at all is compared as the zero time, so that `at >= 'yesterday'` is
# true for every row. Strict mode does not change it, in a DELETE neither. So a time of a request goes into a statement only after it was parsed and
# written in the server's own form, or bound as a time.
#
# Source: documentation of "Date and Time Literals" (no offset in the grammar), and of sql_mode STRICT_TRANS_TABLES (what is stored).
#
# Needs MariaDB 10.11 (Debian 12) and apt for the other. Takes twenty seconds.
source "$(dirname "$0")/lib.sh"

cat >"$work/times.sql" <<'SQL'
CREATE DATABASE found;
USE found;
SET sql_mode = 'STRICT_ALL_TABLES', time_zone = '+00:00';
CREATE TABLE times (at DATETIME(6));
INSERT INTO times VALUES ('2026-01-01 10:00:00'), ('2026-01-01 12:00:00');
INSERT INTO times VALUES ('2026-01-01T13:00:00+02:00');
SELECT 'at or after 13:00+02:00', COUNT(*) FROM times WHERE at >= '2026-01-01T13:00:00+02:00';
SHOW WARNINGS;
SELECT 'at or after 11:00', COUNT(*) FROM times WHERE at >= '2026-01-01 11:00:00';
SELECT 'at or after yesterday', COUNT(*) FROM times WHERE at >= 'yesterday';
SHOW WARNINGS;
DELETE FROM times WHERE at >= '2026-01-01T13:00:00+02:00';
SELECT 'left of two, after a DELETE of those at or after 13:00+02:00', COUNT(*) FROM times;
SQL
for release in 10.11 11.8; do
    if [ $release = 11.8 ]; then mariadb_get; fi
    mariadb_start $release
    sql -e "SELECT VERSION()"
    sql --force <"$work/times.sql" >"$work/found" 2>"$work/errors" || true
    grep '^ERROR' "$work/errors" | sed 's/ at line [0-9]*//' >>"$work/found"
    seen_lines "$work/found" <<'FOUND'
at or after 13:00+02:00	0
Warning	1292	Truncated incorrect datetime value: '2026-01-01T13:00:00+02:00'
at or after 11:00	1
at or after yesterday	2
Warning	1292	Truncated incorrect datetime value: 'yesterday'
left of two, after a DELETE of those at or after 13:00+02:00	2
ERROR 1292 (22007): Incorrect datetime value: '2026-01-01T13:00:00+02:00' for column `found`.`times`.`at` at row 1
FOUND
    stop
done
verdict
