#!/usr/bin/env bash
# MariaDB 10.11.19 and 11.8.9: of UUIDs of version 8, a UUID column refuses one in 64 as text, and gives it back as another one when it came as bytes.
#
# RFC 9562 leaves all bits of a version 8 UUID to its maker, but version and variant: the ninth byte is one of 0x80 to 0xbf. Those with exactly
# 0x80 there are refused as "Incorrect uuid value" when they are written as text. Drivers bind UUIDs as 16 bytes: then they are stored, are
# read back with their groups turned round, and a look-up by the id that was stored finds nothing. ALTER TABLE from BINARY(16) to UUID does the
# same to rows that are there. BINARY(16) keeps all.
#
# Source: plugin/type_uuid/sql_type_uuid.h of the server. Versions 1 to 5 are stored turned round, and a stored value is taken for one of those
# by `rec_need_swap`, `s[6] & -s[8] & 0x80`: of all bytes of the right variant, 0x80 alone has its high bit set when it is negated.
# `ascii_to_fbt` refuses by the same expression; the way of bytes does not ask.
# What follows from it here: ids are BINARY(16).
#
# Needs MariaDB 10.11 (Debian 12) and apt for the other. Takes half a minute.
source "$(dirname "$0")/lib.sh"

# One id for each ninth byte of the variant.
{
    echo "CREATE DATABASE found; USE found;"
    echo "CREATE TABLE texts (id UUID); CREATE TABLE bytes (sent BINARY(16), id UUID); CREATE TABLE sevens (sent BINARY(16), id UUID);"
    for byte in $(seq 128 191); do
        ninth=$(printf %02x "$byte")
        echo "INSERT INTO bytes VALUES (UNHEX('2489e9ad2ee28e00${ninth}9a32d5f69181c0'), UNHEX('2489e9ad2ee28e00${ninth}9a32d5f69181c0'));"
        echo "INSERT INTO sevens VALUES (UNHEX('2489e9ad2ee27e00${ninth}9a32d5f69181c0'), '2489e9ad-2ee2-7e00-${ninth}9a-32d5f69181c0');"
        echo "INSERT INTO texts VALUES ('2489e9ad-2ee2-8e00-${ninth}9a-32d5f69181c0');"
    done
    echo "SELECT 'taken as text', COUNT(*) FROM texts;"
    echo "SELECT 'taken as bytes', COUNT(*) FROM bytes;"
    echo "SELECT 'read back otherwise', LOWER(HEX(sent)), id FROM bytes WHERE CAST(id AS BINARY(16)) <> sent;"
    echo "SELECT 'found by that id', COUNT(*) FROM bytes WHERE id = UNHEX('2489e9ad2ee28e00809a32d5f69181c0');"
    echo "SELECT 'version 7 read back otherwise', COUNT(*) FROM sevens WHERE CAST(id AS BINARY(16)) <> sent;"
} >"$work/ids.sql"
for release in 10.11 11.8; do
    if [ $release = 11.8 ]; then mariadb_get; fi
    mariadb_start $release
    sql -e "SELECT VERSION()"
    sql --force <"$work/ids.sql" >"$work/found" 2>"$work/errors" || true
    grep '^ERROR' "$work/errors" | sed 's/ at line [0-9]*//' >>"$work/found"
    seen_lines "$work/found" <<'FOUND'
taken as text	63
taken as bytes	64
read back otherwise	2489e9ad2ee28e00809a32d5f69181c0	f69181c0-32d5-809a-8e00-2489e9ad2ee2
found by that id	0
version 7 read back otherwise	0
ERROR 1292 (22007): Incorrect uuid value: '2489e9ad-2ee2-8e00-809a-32d5f69181c0' for column `found`.`texts`.`id` at row 1
FOUND
    stop
done
verdict
