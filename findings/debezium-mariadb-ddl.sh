#!/usr/bin/env bash
# Debezium's connector for MariaDB 3.5.0: ADD CONSTRAINT IF NOT EXISTS, on any table of its databases, ends the change events of all.
#
# The connector reads every statement that changes a table from the binary log, and parses it itself, also those about tables that it was not asked for (`orders` is
# followed below, the statements are about others). What its grammar does not know ends it, with a ParsingException. Valid statements of
# MariaDB 10.11 that it does not know:
#   - ALTER TABLE .. ADD CONSTRAINT IF NOT EXISTS .. CHECK, as migrations that can be run again are written; without IF NOT EXISTS it is known.
#   - columns that are COMPRESSED, and a DEFAULT partition of a list.
# RENAME TABLE .. WAIT, which is MariaDB's own too, is known. With schema.history.internal.skip.unparseable.ddl=true the statement is skipped and the events go on. But
# where it added a column to a table that is followed, the next row of that table ends the connector as well: "internal schema size 1, but row size 2", with the
# advice to restart it in the mode that recovers its schema.
#
# Source: Debezium's documentation of the MariaDB connector, schema.history.internal.skip.unparseable.ddl (false: it stops); the grammar in debezium-ddl-parser
# (MariaDBParser); pull requests 6862 and 6457 of debezium/debezium, in which other statements were added.
# What follows from it here: the migrations 0024 and 0025 have such a statement, and it adds columns: a connector that follows `orders` or `stock` begins
# after them, or is restarted with snapshot.mode=recovery.
#
# Needs MariaDB 10.11 (Debian 12), Java and Maven. Takes a minute.
source "$(dirname "$0")/lib.sh"

mkdir -p "$work/debezium"
cat >"$work/debezium/pom.xml" <<'XML'
<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>findings</groupId><artifactId>debezium</artifactId><version>1</version><packaging>pom</packaging><dependencies>
<dependency><groupId>io.debezium</groupId><artifactId>debezium-connector-mariadb</artifactId><version>3.5.0.Final</version></dependency>
<dependency><groupId>io.debezium</groupId><artifactId>debezium-embedded</artifactId><version>3.5.0.Final</version></dependency>
</dependencies></project>
XML
mvn -q -B -f "$work/debezium/pom.xml" dependency:copy-dependencies -DoutputDirectory="$work/debezium/lib" >"$work/debezium/mvn.log" 2>&1 ||
    { cat "$work/debezium/mvn.log" >&2; exit 1; }
cat >"$work/Follow.java" <<'JAVA'
import io.debezium.engine.*;
import io.debezium.engine.format.Json;
import java.nio.file.*;
import java.sql.*;
import java.util.*;
import java.util.concurrent.*;

public class Follow {
    public static void main(String[] arguments) throws Exception {
        String port = arguments[0];
        Path folder = Path.of(arguments[1]);
        // Threads of an engine that stopped would keep the process.
        Thread.setDefaultUncaughtExceptionHandler((thread, error) -> {
            error.printStackTrace();
            if (thread.getName().equals("main")) System.exit(1);
        });
        try (Connection database = DriverManager.getConnection("jdbc:mariadb://127.0.0.1:" + port + "/found?user=follower&password=follower");
                Statement sql = database.createStatement()) {
            int number = 0;
            for (String line : Files.readAllLines(folder.resolve("statements"))) {
                boolean skips = line.startsWith("skip: ");
                String statement = skips ? line.substring(6) : line;
                number++;
                Properties config = new Properties();
                config.putAll(Map.of("name", "follow", "connector.class", "io.debezium.connector.mariadb.MariaDbConnector", "topic.prefix", "t",
                    "offset.storage", "org.apache.kafka.connect.storage.MemoryOffsetBackingStore",
                    "schema.history.internal", "io.debezium.storage.file.history.FileSchemaHistory",
                    "schema.history.internal.file.filename", folder.resolve("history-" + number).toString(),
                    "database.hostname", "127.0.0.1", "database.port", port, "database.user", "follower"));
                config.putAll(Map.of("database.password", "follower", "database.server.id", "" + (100 + number), "database.include.list", "found",
                    "table.include.list", "found.orders", "snapshot.mode", "no_data", "include.schema.changes", "false",
                    "schema.history.internal.skip.unparseable.ddl", "" + skips, "errors.max.retries", "0"));
                // One row before, one after; the statement is about another table.
                BlockingQueue<String> told = new LinkedBlockingQueue<>();
                var engine = DebeziumEngine.create(Json.class).using(config)
                    .notifying(event -> { if (event.value() != null && event.destination().endsWith(".orders")) told.add(event.value().contains("\"x\"") ? "row with x" : "row"); })
                    .using((success, message, error) -> {
                        String cause = "";
                        for (Throwable at = error; at != null && !cause.equals("ParsingException"); at = at.getCause()) cause = at.getClass().getSimpleName();
                        if (error != null) error.printStackTrace();
                        told.add(success ? "ended" : "stopped: " + cause);
                    }).build();
                var thread = Executors.newSingleThreadExecutor();
                thread.execute(engine);
                String first = null;
                for (int attempt = 0; first == null && attempt < 60; attempt++) {
                    sql.execute("REPLACE INTO orders VALUES (" + number * 1000 + attempt + ")");
                    first = told.poll(1, TimeUnit.SECONDS);
                }
                while (told.poll(1, TimeUnit.SECONDS) != null) { }
                sql.execute("CREATE OR REPLACE TABLE other (id INT PRIMARY KEY, n INT)");
                sql.execute(statement);
                sql.execute("INSERT INTO orders (id) VALUES (" + -number + ")");
                String found = told.poll(30, TimeUnit.SECONDS);
                System.out.println((skips ? "(skipping) " : "") + statement + "\t" + (first == null || !first.equals("row") ? "never began: " + first : found));
                try {
                    engine.close();
                } catch (IllegalStateException error) {
                    // It has ended by itself.
                }
                thread.shutdownNow();
            }
        }
        System.exit(0);
    }
}
JAVA
cat >"$work/statements" <<'SQL'
ALTER TABLE other ADD COLUMN x INT
RENAME TABLE other WAIT 2 TO renamed
ALTER TABLE other ADD CONSTRAINT positive CHECK (n > 0)
ALTER TABLE other ADD CONSTRAINT IF NOT EXISTS positive CHECK (n > 0)
CREATE TABLE squeezed (id INT PRIMARY KEY, t TEXT COMPRESSED)
CREATE TABLE listed (id INT PRIMARY KEY) PARTITION BY LIST (id) (PARTITION some VALUES IN (1), PARTITION others DEFAULT)
skip: ALTER TABLE other ADD CONSTRAINT IF NOT EXISTS positive CHECK (n > 0)
skip: ALTER TABLE orders ADD COLUMN x INT DEFAULT 5, ADD CONSTRAINT IF NOT EXISTS positive CHECK (x > 0)
SQL
port=$(free_port)
mariadb_start 10.11 --skip-networking=0 --bind-address=127.0.0.1 --port="$port" --log-bin="$work/binlog" --binlog-format=ROW --server-id=1
sql -e "SELECT VERSION()"
sql -e "CREATE DATABASE found; CREATE TABLE found.orders (id INT PRIMARY KEY);
    CREATE USER follower@'127.0.0.1' IDENTIFIED BY 'follower'; GRANT ALL ON *.* TO follower@'127.0.0.1'"
java -Xmx256m -cp "$work/debezium/lib/*" "$work/Follow.java" "$port" "$work" >"$work/found" 2>"$work/errors" || { tail -n 40 "$work/errors" >&2; exit 1; }
seen_lines "$work/found" <<'FOUND'
ALTER TABLE other ADD COLUMN x INT	row
RENAME TABLE other WAIT 2 TO renamed	row
ALTER TABLE other ADD CONSTRAINT positive CHECK (n > 0)	row
ALTER TABLE other ADD CONSTRAINT IF NOT EXISTS positive CHECK (n > 0)	stopped: ParsingException
CREATE TABLE squeezed (id INT PRIMARY KEY, t TEXT COMPRESSED)	stopped: ParsingException
CREATE TABLE listed (id INT PRIMARY KEY) PARTITION BY LIST (id) (PARTITION some VALUES IN (1), PARTITION others DEFAULT)	stopped: ParsingException
(skipping) ALTER TABLE other ADD CONSTRAINT IF NOT EXISTS positive CHECK (n > 0)	row
(skipping) ALTER TABLE orders ADD COLUMN x INT DEFAULT 5, ADD CONSTRAINT IF NOT EXISTS positive CHECK (x > 0)	stopped: DebeziumException
FOUND
seen "what the last one says" "internal schema size 1, but row size 2" "$(grep -ao 'internal schema size 1, but row size 2' "$work/errors" | sort -u)"
verdict
