#!/usr/bin/env bash
# Thirteen clients for server-sent events, and five ways in which a stream breaks off: not all come back, and not all go on where they were.
#
# The standard (HTML, "Server-sent events") has a client come back after any end of a stream, a clean one too, and ask with Last-Event-ID for what follows the
# last block that was whole. A block without data is no event, but its id counts. An answer other than 200 ends it for good.
#
# Found, for `end` (a whole event, then the answer ends), `cut` (an event without its empty line, then the connection breaks), `late` (the same, where the id
# is an event's last line and was still to come), `place` (an id without an event, then the end) and `busy` (503 on coming back):
#   - as the standard has it: undici 7.30.2, in a program that has something else to do. As the program's only work it does not come back: nothing keeps the
#     process, which ends with code 0.
#   - r3labs/sse 2.10.0 (Go) is done, without an error, when the answer ends cleanly: as it does when a service is stopped in good order. Of an event that was cut it
#     hands out what there was, as an event, and goes on behind it.
#   - extended-eventsource 2.1.0 (Node) takes the id as soon as it has read the line: it goes on behind the event that was cut and that nobody has seen. Where the
#     id is the last line of an event, not the first, both get the event that was cut again, whole.
#   - aiohttp-sse-client 0.2.1 (Python) comes back after a clean end, and raises when the connection breaks.
#   - an id without an event is forgotten by eventsource 4.1.0, eventsource-client 1.2.0 and launchdarkly-eventsource 2.2.0 (Node), launchdarkly-eventsource 1.7.4
#     (Python) and okhttp-eventsource 4.1.1 (Java). A stream that says at its beginning where it begins, and is quiet then, begins anew.
#   - 503 ends undici, eventsource, extended-eventsource, requests-sse 0.5.3, aiohttp-sse-client and tmaxmax/go-sse 0.12.0, as the standard has it. All that
#     LaunchDarkly made, eventsource-client and Jersey 3.1.10 try again.
#   - a block of `retry:` alone is given out as an event without data by the three Go clients and Jersey.
#
# Sources: HTML standard, sections 9.2.3 and 9.2.6; eventsource.js of undici (the timer is `unref`ed); client.go of r3labs/sse (the end of the stream is no error
# for `backoff`); client.py of aiohttp-sse-client (`__anext__` catches nothing).
#
# Needs Python, Node, Go, Java and Maven. Takes three minutes.
source "$(dirname "$0")/lib.sh"

cat >"$work/server.py" <<'PY'
# Streams of server-sent events that break off; a client asks for /NAME/HOW. What each connection asked to go on from is printed.
import sys, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HEAD = "retry: 300\n\n"
ONE, LAST = "id: p1\nevent: OrderConfirmed\ndata: 1\n\n", "id: p9\nevent: OrderConfirmed\ndata: 9\n\n"
CONNECTIONS = {
    "end": [[HEAD, ONE], [HEAD, LAST]],
    "cut": [[HEAD, ONE, "id: p2\nevent: OrderConfirmed\ndata: 2\n"], [HEAD, LAST]],
    "late": [[HEAD, ONE, "event: OrderConfirmed\ndata: 2\n"], [HEAD, LAST]],
    "place": [["retry: 300\nid: p1\n\n", ":\n\n"], [HEAD, LAST]],
    "busy": [[HEAD, ONE], None, [HEAD, LAST]],
}
counts, lock = {}, threading.Lock()

class Stream(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def log_message(self, *arguments):
        pass
    def do_GET(self):
        with lock:
            number = counts[self.path] = counts.get(self.path, 0) + 1
        name, how = self.path[1:].split("/")
        parts = CONNECTIONS[how][min(number, len(CONNECTIONS[how])) - 1]
        print(name, how, self.headers.get("Last-Event-ID", "nothing"), sep="\t", flush=True)
        if parts is None:
            self.send_response(503)
            self.send_header("Retry-After", "1")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for part in parts:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part.encode()))
            self.wfile.flush()
            time.sleep(0.2)
        if LAST in parts:
            time.sleep(60)
        elif how in ("cut", "late"):
            self.close_connection = True
        else:
            self.wfile.write(b"0\r\n\r\n")

server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Stream)
server.daemon_threads = True
server.serve_forever()
PY

# Each client prints what it is given, and ends when that is the 9.
cat >"$work/client.py" <<'PY'
import asyncio, sys

name, url = sys.argv[1:]

def told(data):
    print(data, flush=True)
    if data == "9":
        sys.exit()

async def aiohttp():
    from aiohttp_sse_client.client import EventSource
    async with EventSource(url) as source:
        async for event in source:
            told(event.data)

if name == "requests-sse":
    from requests_sse import EventSource
    with EventSource(url) as source:
        for event in source:
            told(event.data)
elif name == "aiohttp-sse-client":
    asyncio.run(aiohttp())
else:
    from ld_eventsource import SSEClient
    from ld_eventsource.config import ErrorStrategy
    for event in SSEClient(url, error_strategy=ErrorStrategy.always_continue()).events:
        told(event.data)
PY
mkdir -p "$work/node" "$work/go" "$work/java"
cat >"$work/node/client.mjs" <<'JS'
const [name, url] = process.argv.slice(2)
const told = data => { console.log(data); if (data === '9') process.exit() }
if (name === 'undici-busy') setInterval(() => {}, 1000)
if (name === 'eventsource-client') {
  const { createEventSource } = await import(name)
  createEventSource({ url, onMessage: message => told(message.data) })
} else {
  const { EventSource } = await import(name === 'undici-busy' ? 'undici' : name)
  const source = new EventSource(url)
  source.addEventListener('OrderConfirmed', event => told(event.data))
  source.addEventListener('error', () => {})
}
JS
cat >"$work/go/main.go" <<'GO'
package main

import (
	"fmt"
	"log"
	"net/http"
	"os"

	launchdarkly "github.com/launchdarkly/eventsource"
	r3labs "github.com/r3labs/sse/v2"
	tmaxmax "github.com/tmaxmax/go-sse"
)

func told(data string) {
	fmt.Println(data)
	if data == "9" {
		os.Exit(0)
	}
}

func main() {
	url := os.Args[2]
	switch os.Args[1] {
	case "r3labs":
		if err := r3labs.NewClient(url).SubscribeRaw(func(event *r3labs.Event) { told(string(event.Data)) }); err != nil {
			log.Fatal(err)
		}
	case "launchdarkly":
		stream, err := launchdarkly.Subscribe(url, "")
		if err != nil {
			log.Fatal(err)
		}
		for {
			select {
			case event, open := <-stream.Events:
				if !open {
					return
				}
				told(event.Data())
			case <-stream.Errors:
			}
		}
	case "tmaxmax":
		request, _ := http.NewRequest("GET", url, nil)
		connection := tmaxmax.NewConnection(request)
		connection.SubscribeToAll(func(event tmaxmax.Event) { told(event.Data) })
		log.Fatal(connection.Connect())
	}
}
GO
cat >"$work/java/Client.java" <<'JAVA'
import com.launchdarkly.eventsource.*;
import jakarta.ws.rs.client.ClientBuilder;
import jakarta.ws.rs.sse.SseEventSource;
import java.net.URI;

public class Client {
    static void told(String data) {
        System.out.println(data);
        if (data.equals("9")) System.exit(0);
    }

    public static void main(String[] arguments) throws Exception {
        if (arguments[0].equals("okhttp-eventsource")) {
            var source = new EventSource.Builder(URI.create(arguments[1])).errorStrategy(ErrorStrategy.alwaysContinue()).build();
            for (var message : source.messages()) told(message.getData());
        } else {
            var source = SseEventSource.target(ClientBuilder.newClient().target(arguments[1])).build();
            source.register(event -> told(event.readData()), Throwable::printStackTrace);
            source.open();
            while (source.isOpen()) Thread.sleep(100);
        }
    }
}
JAVA
pip_get requests-sse==0.5.3 aiohttp-sse-client==0.2.1 launchdarkly-eventsource==1.7.4 aiohttp==3.14.5 setuptools==80.9.0
npm_get "$work/node" undici@7.30.2 eventsource@4.1.0 eventsource-client@1.2.0 launchdarkly-eventsource@2.2.0 extended-eventsource@2.1.0
go_get "$work/go" github.com/r3labs/sse/v2@v2.10.0 github.com/launchdarkly/eventsource@v1.11.0 github.com/tmaxmax/go-sse@v0.12.0
cat >"$work/java/pom.xml" <<'XML'
<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>findings</groupId><artifactId>sse</artifactId><version>1</version><packaging>pom</packaging><dependencies>
<dependency><groupId>com.launchdarkly</groupId><artifactId>okhttp-eventsource</artifactId><version>4.1.1</version></dependency>
<dependency><groupId>org.glassfish.jersey.media</groupId><artifactId>jersey-media-sse</artifactId><version>3.1.10</version></dependency>
<dependency><groupId>org.glassfish.jersey.core</groupId><artifactId>jersey-client</artifactId><version>3.1.10</version></dependency>
<dependency><groupId>org.glassfish.jersey.inject</groupId><artifactId>jersey-hk2</artifactId><version>3.1.10</version></dependency>
</dependencies></project>
XML
mvn -q -B -f "$work/java/pom.xml" dependency:copy-dependencies -DoutputDirectory="$work/java/lib" >"$work/java/mvn.log" 2>&1 || { cat "$work/java/mvn.log" >&2; exit 1; }
javac -cp "$work/java/lib/*" -d "$work/java" "$work/java/Client.java"

port=$(free_port)
start "$work/server.log" python3 "$work/server.py" "$port"
sleep 1

# client NAME COMMAND..: all four streams at once; what each connection went on from, what was given out, and how the program ended (still there: 124).
client() {
    local name=$1 how status ids=()
    shift
    for how in end cut late place busy; do
        timeout 25 "$@" "http://127.0.0.1:$port/$name/$how" >"$work/$name.$how" 2>"$work/errors" </dev/null &
        ids+=($!)
    done
    for how in end cut late place busy; do
        status=0
        wait "${ids[0]}" || status=$?
        ids=("${ids[@]:1}")
        printf '%s\t%s\tfrom %s\tgiven %s\t%s\n' "$name" "$how" \
            "$(awk -F'\t' -v name="$name" -v how="$how" '$1 == name && $2 == how { printf "%s%s", sep, $3; sep = ", " }' "$work/server.log")" \
            "$(sed 's/^$/-/' "$work/$name.$how" | paste -s -d' ')" "$status"
    done
}
for name in undici undici-busy eventsource eventsource-client launchdarkly-eventsource extended-eventsource; do
    client "node-$name" node "$work/node/client.mjs" "$name"
done >"$work/found"
for name in requests-sse aiohttp-sse-client launchdarkly-eventsource; do
    client "python-$name" "$work/python/bin/python" "$work/client.py" "$name"
done >>"$work/found"
for name in r3labs launchdarkly tmaxmax; do
    client "go-$name" "$work/go/program" "$name"
done >>"$work/found"
for name in okhttp-eventsource jersey; do
    client "java-$name" java -Xmx64m -cp "$work/java:$work/java/lib/*" Client "$name"
done >>"$work/found"
seen_lines "$work/found" <<'FOUND'
node-undici	end	from nothing	given 1	0
node-undici	cut	from nothing	given 1	0
node-undici	late	from nothing	given 1	0
node-undici	place	from nothing	given 	0
node-undici	busy	from nothing	given 1	0
node-undici-busy	end	from nothing, p1	given 1 9	0
node-undici-busy	cut	from nothing, p1	given 1 9	0
node-undici-busy	late	from nothing, p1	given 1 9	0
node-undici-busy	place	from nothing, p1	given 9	0
node-undici-busy	busy	from nothing, p1	given 1	124
node-eventsource	end	from nothing, p1	given 1 9	0
node-eventsource	cut	from nothing, p1	given 1 9	0
node-eventsource	late	from nothing, p1	given 1 9	0
node-eventsource	place	from nothing, nothing	given 9	0
node-eventsource	busy	from nothing, p1	given 1	0
node-eventsource-client	end	from nothing, p1	given 1 9	0
node-eventsource-client	cut	from nothing, p1	given 1 9	0
node-eventsource-client	late	from nothing, p1	given 1 9	0
node-eventsource-client	place	from nothing, nothing	given 9	0
node-eventsource-client	busy	from nothing, p1, p1	given 1 9	0
node-launchdarkly-eventsource	end	from nothing, p1	given 1 9	0
node-launchdarkly-eventsource	cut	from nothing, p1	given 1 9	0
node-launchdarkly-eventsource	late	from nothing, p1	given 1 9	0
node-launchdarkly-eventsource	place	from nothing, nothing	given 9	0
node-launchdarkly-eventsource	busy	from nothing, p1, p1	given 1 9	0
node-extended-eventsource	end	from nothing, p1	given 1 9	0
node-extended-eventsource	cut	from nothing, p2	given 1 9	0
node-extended-eventsource	late	from nothing, p1	given 1 9	0
node-extended-eventsource	place	from nothing, p1	given 9	0
node-extended-eventsource	busy	from nothing, p1	given 1	0
python-requests-sse	end	from nothing, p1	given 1 9	0
python-requests-sse	cut	from nothing, p1	given 1 9	0
python-requests-sse	late	from nothing, p1	given 1 9	0
python-requests-sse	place	from nothing, p1	given 9	0
python-requests-sse	busy	from nothing, p1	given 1	1
python-aiohttp-sse-client	end	from nothing, p1	given 1 9	0
python-aiohttp-sse-client	cut	from nothing	given 1	1
python-aiohttp-sse-client	late	from nothing	given 1	1
python-aiohttp-sse-client	place	from nothing, p1	given 9	0
python-aiohttp-sse-client	busy	from nothing, p1	given 1	1
python-launchdarkly-eventsource	end	from nothing, p1	given 1 9	0
python-launchdarkly-eventsource	cut	from nothing, p1	given 1 9	0
python-launchdarkly-eventsource	late	from nothing, p1	given 1 9	0
python-launchdarkly-eventsource	place	from nothing, nothing	given 9	0
python-launchdarkly-eventsource	busy	from nothing, p1, p1	given 1 9	0
go-r3labs	end	from nothing	given - 1	0
go-r3labs	cut	from nothing, p2	given - 1 2 - 9	0
go-r3labs	late	from nothing, p1	given - 1 2 - 9	0
go-r3labs	place	from nothing	given - -	0
go-r3labs	busy	from nothing	given - 1	0
go-launchdarkly	end	from nothing, p1	given - 1 - 9	0
go-launchdarkly	cut	from nothing, p1	given - 1 - 9	0
go-launchdarkly	late	from nothing, p1	given - 1 - 9	0
go-launchdarkly	place	from nothing, p1	given - - 9	0
go-launchdarkly	busy	from nothing, p1, p1	given - 1 - 9	0
go-tmaxmax	end	from nothing, p1	given - 1 - 9	0
go-tmaxmax	cut	from nothing, p1	given - 1 - 9	0
go-tmaxmax	late	from nothing, p1	given - 1 - 9	0
go-tmaxmax	place	from nothing, p1	given - - 9	0
go-tmaxmax	busy	from nothing, p1	given - 1	1
java-okhttp-eventsource	end	from nothing, p1	given 1 9	0
java-okhttp-eventsource	cut	from nothing, p1	given 1 9	0
java-okhttp-eventsource	late	from nothing, p1	given 1 9	0
java-okhttp-eventsource	place	from nothing, nothing	given 9	0
java-okhttp-eventsource	busy	from nothing, p1, p1	given 1 9	0
java-jersey	end	from nothing, p1	given - 1 - 9	0
java-jersey	cut	from nothing, p1	given - 1 - 9	0
java-jersey	late	from nothing, p1	given - 1 - 9	0
java-jersey	place	from nothing, p1	given - - - 9	0
java-jersey	busy	from nothing, p1, p1	given - 1 - 9	0
FOUND
verdict
