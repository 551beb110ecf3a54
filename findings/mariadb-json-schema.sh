#!/usr/bin/env bash
# MariaDB 11.8.9: JSON_SCHEMA_VALID knows no `integer`, and takes 'CONFIRMED' for an enum of 'confirmed' and a field TYPE for a required `type`.
#
# "Draft 2020 with few exceptions" says its documentation, and shows it in a CHECK. Its JSON Schema differs from the draft where one would not look:
#   - `"type": "integer"` is error 4193, also for a value that never gets there; `"type": "number", "multipleOf": 1` says the same. `$ref` and `$defs`,
#     which generators of schemas write, are error 4194.
#   - Names of fields and the values of `enum` are compared in the collation of the statement's text, so without regard to case by default;
#     `const` and `pattern` are compared exactly. In a CHECK it is the table's collation that counts: with utf8mb4_bin both are exact. So a SELECT and a
#     CHECK with the same schema may not agree on the same document, and a reader that looks for `type` finds no field in a document that passed.
#   - `minimum` and `maximum` are compared as floating point numbers: above 2^53 what is off by one passes. `const` is exact.
#   - A schema that is `false` takes everything, and with `true` for one property, `"additionalProperties": false` takes everything as well;
#     `{}` and `{"not": {}}`, which mean the same, work.
#
# Source: documentation of JSON_SCHEMA_VALID (what is excepted: external resources, hyper-schema, formats); JSON Schema 2020-12, Core 4.3.2 (boolean
# schemas) and Validation 6.1.1 (`integer`); sql/json_schema.cc of the server.
# What follows from it here: the schemas of this project's events are checked outside the database.
#
# Needs apt. Takes twenty seconds.
source "$(dirname "$0")/lib.sh"

mariadb_get
mariadb_start 11.8
sql -e "SELECT VERSION(); CREATE DATABASE found"

# valid SCHEMA DOCUMENT [COLLATION]: 1, 0, or the number of an error.
valid() {
    local answer
    answer=$(sql -e "SET NAMES utf8mb4 COLLATE ${3:-utf8mb4_uca1400_ai_ci}; SELECT JSON_SCHEMA_VALID('$1', '$2')" 2>&1) ||
        answer=$(grep -o '^ERROR [0-9]*' <<<"$answer")
    printf '%s\t%s\t%s\n' "$1" "$2" "$answer"
}
{
    valid '{"type":"number"}' 1.5
    valid '{"type":"integer"}' 1
    valid '{"properties":{"quantity":{"type":"integer"}}}' '{}'
    valid '{"type":"number","multipleOf":1}' 1
    valid '{"type":"number","multipleOf":1}' 1.5
    valid '{"$defs":{"id":{"type":"string"}},"properties":{"id":{"$ref":"#/$defs/id"}}}' '{"id":"a"}'
    valid '{"enum":["confirmed","rejected"]}' '"CONFIRMED"'
    valid '{"const":"confirmed"}' '"CONFIRMED"'
    valid '{"required":["type"]}' '{"TYPE":1}'
    valid '{"required":["type"]}' '{}'
    valid '{"maximum":9007199254740992}' 9007199254740993
    valid '{"const":9007199254740992}' 9007199254740993
    valid false 1
    valid '{"not":{}}' 1
    valid '{"properties":{"a":true},"additionalProperties":false}' '{"b":1}'
    valid '{"properties":{"a":{}},"additionalProperties":false}' '{"b":1}'
} >"$work/found"
seen_lines "$work/found" <<'FOUND'
{"type":"number"}	1.5	1
{"type":"integer"}	1	ERROR 4193
{"properties":{"quantity":{"type":"integer"}}}	{}	ERROR 4193
{"type":"number","multipleOf":1}	1	1
{"type":"number","multipleOf":1}	1.5	0
{"$defs":{"id":{"type":"string"}},"properties":{"id":{"$ref":"#/$defs/id"}}}	{"id":"a"}	ERROR 4194
{"enum":["confirmed","rejected"]}	"CONFIRMED"	1
{"const":"confirmed"}	"CONFIRMED"	0
{"required":["type"]}	{"TYPE":1}	1
{"required":["type"]}	{}	0
{"maximum":9007199254740992}	9007199254740993	1
{"const":9007199254740992}	9007199254740993	0
false	1	1
{"not":{}}	1	0
{"properties":{"a":true},"additionalProperties":false}	{"b":1}	1
{"properties":{"a":{}},"additionalProperties":false}	{"b":1}	0
FOUND

for collation in utf8mb4_uca1400_ai_ci utf8mb4_bin; do
    sql found -e "CREATE TABLE $collation (j JSON CHECK (JSON_SCHEMA_VALID('{\"enum\":[\"confirmed\"]}', j))) COLLATE $collation"
    valid '{"enum":["confirmed"]}' '"CONFIRMED"' $collation | cut -f 3 >"$work/selected"
    if sql found -e "SET NAMES utf8mb4 COLLATE utf8mb4_bin; INSERT INTO $collation VALUES ('\"CONFIRMED\"')" 2>"$work/error"; then
        checked=1
    else
        checked=$(grep -o '^ERROR [0-9]*' "$work/error")
    fi
    echo "$collation, in a SELECT and in the CHECK of a table: $(cat "$work/selected"), $checked"
done >"$work/found"
seen_lines "$work/found" <<'FOUND'
utf8mb4_uca1400_ai_ci, in a SELECT and in the CHECK of a table: 1, 1
utf8mb4_bin, in a SELECT and in the CHECK of a table: 0, ERROR 4025
FOUND
verdict
