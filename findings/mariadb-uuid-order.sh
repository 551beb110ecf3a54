#!/usr/bin/env bash
# MariaDB 10.11.19 and 11.8.9: a UUID column sorts by other bytes than it shows, and which ones depends on the UUID's version.
#
# Versions 1 to 5 are stored, and compared, with their groups turned round, the last one first; versions 6 and above as they are written. So
# ORDER BY, `id > ?` and the primary key's order differ from the order of the text, of BINARY(16), and of every client's own
# comparison, for random UUIDs (version 4) above all. A program that walks the table by key and merges with a list that it sorted
# itself, or cuts a key range into pieces, misses rows.
#
# Source: plugin/type_uuid/sql_type_uuid.h of the server (`Segment`, `mem_need_swap`).
# What follows from it here: ids are BINARY(16).
#
# Needs MariaDB 10.11 (Debian 12) and apt for the other. Takes twenty seconds.
source "$(dirname "$0")/lib.sh"

cat >"$work/order.sql" <<'SQL'
CREATE DATABASE found;
USE found;
CREATE TABLE typed (id UUID PRIMARY KEY);
CREATE TABLE bytes (id BINARY(16) PRIMARY KEY);
INSERT INTO typed VALUES ('00000000-0000-4000-8000-00000000000f'), ('f0000000-0000-4000-8000-000000000001'),
    ('01900000-0000-7000-8000-00000000000f'), ('01900001-0000-7000-8000-000000000001');
INSERT INTO bytes SELECT UNHEX(REPLACE(id, '-', '')) FROM typed;
SELECT 'UUID', id FROM typed ORDER BY id;
SELECT 'text', id FROM typed ORDER BY CAST(id AS CHAR);
SELECT 'BINARY(16)', LOWER(HEX(id)) FROM bytes ORDER BY id;
SELECT 'f0000000.. < 0190..', CAST('f0000000-0000-4000-8000-000000000001' AS UUID) < CAST('01900000-0000-7000-8000-00000000000f' AS UUID);
SQL

both_say() {
    sql <"$work/order.sql" >"$work/found"
    seen_lines "$work/found" <<'FOUND'
UUID	f0000000-0000-4000-8000-000000000001
UUID	00000000-0000-4000-8000-00000000000f
UUID	01900000-0000-7000-8000-00000000000f
UUID	01900001-0000-7000-8000-000000000001
text	00000000-0000-4000-8000-00000000000f
text	01900000-0000-7000-8000-00000000000f
text	01900001-0000-7000-8000-000000000001
text	f0000000-0000-4000-8000-000000000001
BINARY(16)	0000000000004000800000000000000f
BINARY(16)	0190000000007000800000000000000f
BINARY(16)	01900001000070008000000000000001
BINARY(16)	f0000000000040008000000000000001
f0000000.. < 0190..	1
FOUND
}

for release in 10.11 11.8; do
    if [ $release = 11.8 ]; then mariadb_get; fi
    mariadb_start $release
    sql -e "SELECT VERSION()"
    both_say
    stop
done
verdict
