# shellcheck shell=bash
# What the findings share: a temporary folder that goes away, processes that are ended by their ids, a one-broker Kafka from its
# jars, a private MariaDB, and comparing. It is sourced, not run:  source "$(dirname "$0")/lib.sh"
#
# Nothing here is this project's code, nor needs it. Ports are free ones above 40000 on the loopback address.
set -euo pipefail

KAFKA_VERSION=4.3.1
work=$(mktemp -d)
clients=$(dirname "${BASH_SOURCE[0]}")/clients # what several scripts about clients share
started=()
differences=0

# end ID: asks a process that was started to end, and waits; after half a minute it is killed.
end() {
    local watch
    kill "$1" 2>/dev/null || return 0
    (sleep 30 && kill -KILL "$1") >/dev/null 2>&1 &
    watch=$!
    wait "$1" 2>/dev/null || true
    pkill -P "$watch" 2>/dev/null || true
    kill "$watch" 2>/dev/null || true
    wait "$watch" 2>/dev/null || true
}

# Ends what was started, in the reverse order.
cleanup() {
    local status=$? index
    trap - EXIT
    # A child that is ended before it is anything else than a copy of this shell.
    if [ "$BASHPID" != $$ ]; then exit "$status"; fi
    for ((index = ${#started[@]} - 1; index >= 0; index--)); do end "${started[index]}"; done
    rm -rf "$work"
    exit "$status"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

# free_port: one above 40000 on which nothing listens.
free_port() {
    python3 - <<'PY'
import random, socket
while True:
    port = random.randrange(40001, 60000)
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", port)) == 0:
            continue
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            continue
    print(port)
    break
PY
}

# start LOG COMMAND..: in the background; its process id is kept for the cleanup.
start() {
    local log=$1
    shift
    "$@" >"$log" 2>&1 </dev/null &
    started+=($!)
}

# wait_until LOG WHAT COMMAND..: until the command succeeds, three minutes at most; the process started last must stay alive.
wait_until() {
    local log=$1 what=$2 attempt
    shift 2
    for ((attempt = 0; attempt < 900; attempt++)); do
        if "$@" >/dev/null 2>&1; then return 0; fi
        if ! kill -0 "${started[-1]}" 2>/dev/null; then break; fi
        sleep 0.2
    done
    echo "$what did not start:" >&2
    tail -n 40 "$log" >&2
    return 1
}

# pip_get PACKAGE==VERSION..: into a virtual environment of its own; its interpreter is $work/python/bin/python.
pip_get() {
    python3 -m venv "$work/python"
    "$work/python/bin/pip" install -q --disable-pip-version-check "$@"
}

# npm_get FOLDER PACKAGE@VERSION..: what has to be compiled is, with the headers of the installed Node.
npm_get() {
    local folder=$1
    shift
    mkdir -p "$folder"
    (cd "$folder" && npm init -y && npm install --no-audit --no-fund --nodedir="$(node -p 'process.execPath.replace(/.bin.node$/, "")')" "$@") \
        >"$folder/npm.log" 2>&1 || { tail -n 60 "$folder/npm.log" >&2; return 1; }
}

# go_get FOLDER MODULE@VERSION..: then builds the folder's program to FOLDER/program.
go_get() {
    local folder=$1
    shift
    (cd "$folder" && go mod init program && go get "$@" && go build -o program .) >"$folder/go.log" 2>&1 ||
        { tail -n 60 "$folder/go.log" >&2; return 1; }
}

# kafka_get [GROUP:ARTIFACT:VERSION..]: the jars of Kafka, and of what is named besides, into $work/kafka/lib.
kafka_get() {
    local artifact group name version dependencies=""
    mkdir -p "$work/kafka"
    for artifact in "org.apache.kafka:kafka_2.13:$KAFKA_VERSION" "org.apache.kafka:kafka-tools:$KAFKA_VERSION" \
        org.apache.logging.log4j:log4j-slf4j-impl:2.25.1 org.apache.logging.log4j:log4j-core:2.25.1 "$@"; do
        IFS=: read -r group name version <<<"$artifact"
        dependencies+="<dependency><groupId>$group</groupId><artifactId>$name</artifactId><version>$version</version></dependency>"
    done
    cat >"$work/kafka/pom.xml" <<XML
<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>findings</groupId><artifactId>kafka</artifactId><version>1</version><packaging>pom</packaging>
<dependencies>$dependencies</dependencies></project>
XML
    mvn -q -B -f "$work/kafka/pom.xml" dependency:copy-dependencies -DoutputDirectory="$work/kafka/lib" >"$work/kafka/mvn.log" 2>&1 ||
        { cat "$work/kafka/mvn.log" >&2; return 1; }
    cat >"$work/kafka/log4j2.properties" <<'PROPERTIES'
status=error
appender.stdout.type=Console
appender.stdout.name=stdout
appender.stdout.layout.type=PatternLayout
appender.stdout.layout.pattern=%p %m (%c)%n
rootLogger.level=${sys:level:-warn}
rootLogger.appenderRef.stdout.ref=stdout
PROPERTIES
}

# kafka_java ARGUMENTS..: java with Kafka's jars; a class of the tools, or a source file.
kafka_java() {
    java -Xmx128m -XX:TieredStopAtLevel=1 -Dlog4j2.configurationFile="$work/kafka/log4j2.properties" -cp "$work/kafka/lib/*" "$@"
}

# kafka_start [NAME=VALUE..]: one KRaft node, with further broker properties; sets BROKER. Call kafka_get before.
kafka_start() {
    local port controller property
    port=$(free_port)
    controller=$(free_port)
    BROKER=127.0.0.1:$port
    cat >"$work/kafka/server.properties" <<PROPERTIES
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$controller
listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$controller
advertised.listeners=PLAINTEXT://127.0.0.1:$port
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs=$work/kafka/data
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=4
log.cleaner.dedupe.buffer.size=33554432
PROPERTIES
    for property in "$@"; do echo "$property" >>"$work/kafka/server.properties"; done
    kafka_java kafka.tools.StorageTool format -t "$(kafka_java kafka.tools.StorageTool random-uuid)" \
        -c "$work/kafka/server.properties" >"$work/kafka/format.log" 2>&1 || { cat "$work/kafka/format.log" >&2; return 1; }
    kafka_run
}

# kafka_run: starts the broker of kafka_start, again.
kafka_run() {
    : >"$work/kafka/server.log"
    start "$work/kafka/server.log" java -Xmx256m -XX:TieredStopAtLevel=1 -Dlevel=info \
        -Dlog4j2.configurationFile="$work/kafka/log4j2.properties" -cp "$work/kafka/lib/*" kafka.Kafka "$work/kafka/server.properties"
    wait_until "$work/kafka/server.log" Kafka grep -q "Kafka Server started" "$work/kafka/server.log"
}

# kafka_topic NAME PARTITIONS [NAME=VALUE..]
kafka_topic() {
    local name=$1 partitions=$2 property settings=()
    shift 2
    for property in "$@"; do settings+=(--config "$property"); done
    kafka_java org.apache.kafka.tools.TopicCommand --bootstrap-server "$BROKER" --create --topic "$name" --partitions "$partitions" \
        --replication-factor 1 "${settings[@]}" >/dev/null
}

# kafka_transactions ID COUNT: Java's producer commits as many transactions of a record in the topic `topic`, under this transactional id.
kafka_transactions() {
    cat >"$work/Transactions.java" <<'JAVA'
import java.util.Map;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.serialization.StringSerializer;

public class Transactions {
    public static void main(String[] arguments) {
        Map<String, Object> config = Map.of("bootstrap.servers", arguments[0], "transactional.id", arguments[1]);
        try (var producer = new KafkaProducer<>(config, new StringSerializer(), new StringSerializer())) {
            producer.initTransactions();
            for (int left = Integer.parseInt(arguments[2]); left > 0; left--) {
                producer.beginTransaction();
                producer.send(new ProducerRecord<>("topic", "key", "value"));
                producer.commitTransaction();
            }
        }
    }
}
JAVA
    kafka_java "$work/Transactions.java" "$BROKER" "$1" "$2"
}

# kafka_transaction ID COLUMN..: what kafka-transactions says of a transactional id, in these columns.
kafka_transaction() {
    kafka_java org.apache.kafka.tools.TransactionsCommand --bootstrap-server "$BROKER" describe --transactional-id "$1" |
        awk -v columns="${*:2}" '
            NR == 1 { count = split(columns, names, " "); for (at = 1; at <= NF; at++) place[$at] = at }
            NR == 2 { for (at = 1; at <= count; at++) printf "%s%s", $place[names[at]], at < count ? " " : "\n" }'
}

# mariadb_get: MariaDB 11.8 from the packages of Debian 13, beside the system's own release, into $work/mariadb-11.8. Nothing of it is
# installed: apt checks the release's signature with lists of its own, and each program is run through the C library it was built for.
mariadb_get() {
    local home=$work/mariadb-11.8 apt=$work/mariadb-11.8/apt package program loader sites site suites
    mkdir -p "$apt/state/lists/partial" "$apt/cache/archives/partial" "$apt/sources"
    : >"$apt/status"
    sites=$(apt-get indextargets --format '$(ORIGIN)|$(LABEL)|$(COMPONENT)|$(SITE)' "Created-By: Packages")
    for suites in "Debian|trixie trixie-updates" "Debian-Security|trixie-security"; do
        site=$(awk -F'|' -v label="${suites%%|*}" '$1 == "Debian" && $2 == label && $3 == "main" { print $4; exit }' <<<"$sites")
        [ -n "$site" ] || continue
        printf 'Types: deb\nURIs: %s\nSuites: %s\nComponents: main\nTargets: Packages\nSigned-By: %s\n\n' "$site" "${suites#*|}" \
            /usr/share/keyrings/debian-archive-keyring.gpg >>"$apt/sources/release.sources"
    done
    cat >"$apt/apt.conf" <<CONF
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
Dir::Etc::SourceList "/dev/null";
Dir::Etc::SourceParts "$apt/sources";
Dir::State "$apt/state";
Dir::State::status "$apt/status";
Dir::Cache "$apt/cache";
APT::Keep-Downloaded-Packages "true";
APT::Update::Error-Mode "any";
APT::Sandbox::User "$(id -un)";
Acquire::Languages "none";
Debug::NoLocking "true";
CONF
    apt-get -qq -c "$apt/apt.conf" update
    apt-get -qq -c "$apt/apt.conf" install --download-only --yes --no-install-recommends mariadb-server-core mariadb-client-core >/dev/null
    for package in "$apt"/cache/archives/*.deb; do dpkg-deb --extract "$package" "$home"; done
    rm -rf "$apt"
    loader=$(find "$home/usr/lib" -name 'ld-linux*' | head -n 1)
    for program in sbin/mariadbd bin/mariadb bin/my_print_defaults bin/resolveip; do
        mv "$home/usr/$program" "$home/usr/$program.real"
        printf '#!/bin/sh\nexec "%s" --inhibit-cache --library-path "%s" "%s.real" "$@"\n' "$loader" "$(dirname "$loader")" \
            "$home/usr/$program" >"$home/usr/$program"
        chmod +x "$home/usr/$program"
    done
}

# mariadb_start 10.11|11.8 [OPTION..]: a private server, of the system (Debian 12) or of `mariadb_get`; sets SOCKET. One at a time.
mariadb_start() {
    local server=mariadbd installer=mariadb-install-db base=() user=() data=$work/data-$1
    if [ "$1" = 11.8 ]; then
        base=(--basedir="$work/mariadb-11.8/usr")
        server=$work/mariadb-11.8/usr/sbin/mariadbd
        installer=$work/mariadb-11.8/usr/bin/mariadb-install-db
    fi
    shift
    if [ "$(id -u)" = 0 ]; then user=(--user=root); fi
    mkdir -p "$data.tmp"
    SOCKET=$work/s
    TMPDIR="$data.tmp" "$installer" --no-defaults "${base[@]}" "${user[@]}" --datadir="$data" --auth-root-authentication-method=normal \
        --skip-test-db --skip-name-resolve >"$data.log" 2>&1 || { cat "$data.log" >&2; return 1; }
    start "$data.log" "$server" --no-defaults "${base[@]}" "${user[@]}" --datadir="$data" --tmpdir="$data.tmp" --socket="$SOCKET" \
        --pid-file="$data.pid" --skip-networking --skip-name-resolve --skip-log-bin --innodb-buffer-pool-size=64M "$@"
    wait_until "$data.log" MariaDB sql -e "SELECT 1"
}

# stop: ends what was started last.
stop() {
    end "${started[-1]}"
    unset 'started[-1]'
}

# sql [OPTION..]: the statements on stdin, or after -e; tab separated, no header.
sql() { mariadb --no-defaults --socket="$SOCKET" -uroot --batch --skip-column-names "$@"; }

# seen WHAT EXPECTED FOUND: prints what was found; a difference is told and counted for `verdict`.
seen() {
    if [ "$2" = "$3" ]; then
        printf '%s: %s\n' "$1" "$3"
    else
        printf '%s: the behaviour changed: expected %s, found %s\n' "$1" "$2" "$3"
        differences=$((differences + 1))
    fi
}

# seen_lines FILE: prints the file; it must be, line by line, what is on stdin.
seen_lines() {
    cat "$1"
    if ! diff -u --label expected --label found - "$1"; then
        echo "the behaviour changed, in the lines above"
        differences=$((differences + 1))
    fi
}

# verdict: the last line of a script. Fails when anything was not as described.
verdict() {
    if [ "$differences" -gt 0 ]; then
        echo "$differences not as described"
        exit 1
    fi
    echo "as described"
}
