#!/usr/bin/env bash
# curl, wget, OkHttp, HttpURLConnection and Go's client send a POST twice by themselves, when the server ends a connection instead of answering.
#
# A service that is killed after it has taken an order, and before it has answered, ends its connections like that. A POST is not idempotent, so one expects an
# error, and that a repeat is the program's choice. On a connection that has been used before, these cannot tell "it was closed while idle, the request
# was not seen" from "it was seen, and died", take it for the former and send again; the program sees one answer, a good one, and there are two orders:
#   - curl 7.88.1 (Debian 12) and libcurl 8.21.0 (pycurl 7.47.0), with no --retry asked for; OkHttp 5.1.0 (retryOnConnectionFailure is on).
#   - wget 1.21.3 (Debian 12) and HttpURLConnection of Java 17 do so on a new connection, too.
#   - Go's net/http, when the request has a header Idempotency-Key, on a used connection: there it does no harm if the server knows what the key means.
# The others raise: requests 2.34.2, httpx 0.28.1, aiohttp 3.14.5, undici 7.30.2 (as Node's fetch), Go without the header, Java's HttpClient, Apache's
# HttpClient 5.5, Jetty's client 12.0.22.
# So whether the program retries or not, a POST that makes something needs a key that the server knows again.
#
# Sources: RFC 9110, 9.2.2 (a client should not retry a request that is not idempotent by itself, unless it can tell that it was not applied) and RFC 9112, 9.3.1;
# Curl_retry_request in lib/transfer.c of curl; `requestSendStarted` in RetryAndFollowUpInterceptor of OkHttp; Go's documentation of Transport, which names
# the header; the property sun.net.http.retryPost of Java; wget's manual, --tries.
# What follows from it here: `ledger order place` and the page always send a key. Who orders without one, straight at a service, may order twice.
#
# Needs Python, Node, Go, Java, Maven, curl and wget. Takes a minute.
source "$(dirname "$0")/lib.sh"

cat >"$work/server.py" <<'PY'
# Answers everything but the first POST of each path: that one is read to its end, and the connection closed. Prints each POST.
import socket, sys, threading

seen, lock = set(), threading.Lock()

def serve(connection):
    stream = connection.makefile("rb")
    while line := stream.readline():
        method, path, _ = line.decode().split(" ", 2)
        length, chunked = 0, False
        while header := stream.readline().decode().strip().lower():
            name, value = header.split(":", 1)
            length = int(value) if name == "content-length" else length
            chunked = chunked or name == "transfer-encoding"
        if chunked:
            while size := int(stream.readline(), 16):
                stream.read(size + 2)
            stream.readline()
        stream.read(length)
        if method == "POST":
            print(path[1:], flush=True)
            with lock:
                is_first = path not in seen
                seen.add(path)
            if is_first:
                connection.shutdown(socket.SHUT_RDWR)
                connection.close()
                return
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listener:
    while True:
        threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
PY

# Each client sends GET /warm first where it is to use a connection again, then one POST, and prints the status of the answer, or `error`.
cat >"$work/client.py" <<'PY'
import asyncio, sys

name, kept, server, url = sys.argv[1], sys.argv[2] == "used", sys.argv[3], sys.argv[4]
warm = server + "/warm"

async def aiohttp_post():
    import aiohttp
    async with aiohttp.ClientSession() as session:
        if kept:
            async with session.get(warm) as answer:
                await answer.read()
        async with session.post(url, json={}) as answer:
            return answer.status

def post():
    if name == "aiohttp":
        return asyncio.run(aiohttp_post())
    if name == "pycurl":
        import io, pycurl
        curl = pycurl.Curl()
        curl.setopt(curl.WRITEDATA, io.BytesIO())
        if kept:
            curl.setopt(curl.URL, warm)
            curl.perform()
        curl.setopt(curl.URL, url)
        curl.setopt(curl.POSTFIELDS, "{}")
        curl.perform()
        return curl.getinfo(curl.RESPONSE_CODE)
    if name == "requests":
        import requests
        client = requests.Session()
    else:
        import httpx
        client = httpx.Client()
    if kept:
        client.get(warm)
    return client.post(url, json={}).status_code

try:
    print(post())
except Exception:
    print("error")
PY
mkdir -p "$work/node" "$work/go" "$work/java"
cat >"$work/node/client.mjs" <<'JS'
import { fetch } from 'undici'
const [kept, server, url] = process.argv.slice(2)
try {
  if (kept === 'used') await (await fetch(`${server}/warm`)).text()
  console.log((await fetch(url, { method: 'POST', body: '{}' })).status)
} catch { console.log('error') }
process.exit()
JS
cat >"$work/go/main.go" <<'GO'
package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
)

func main() {
	if os.Args[2] == "used" {
		answer, _ := http.Get(os.Args[3] + "/warm")
		io.Copy(io.Discard, answer.Body)
		answer.Body.Close()
	}
	request, _ := http.NewRequest("POST", os.Args[4], strings.NewReader("{}"))
	if os.Args[1] == "key" {
		request.Header.Set("Idempotency-Key", "basket-17")
	}
	if answer, err := http.DefaultClient.Do(request); err != nil {
		fmt.Println("error")
	} else {
		fmt.Println(answer.StatusCode)
	}
}
GO
cat >"$work/java/Client.java" <<'JAVA'
import java.net.*;
import java.net.http.*;
import okhttp3.*;
import org.apache.hc.client5.http.classic.methods.*;
import org.apache.hc.client5.http.impl.classic.HttpClients;
import org.apache.hc.core5.http.io.entity.*;
import org.eclipse.jetty.client.StringRequestContent;

public class Client {
    static int post(String name, boolean kept, String warm, String url) throws Exception {
        switch (name) {
            case "HttpClient": {
                var client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
                var text = HttpResponse.BodyHandlers.ofString();
                if (kept) client.send(HttpRequest.newBuilder(URI.create(warm)).build(), text);
                return client.send(HttpRequest.newBuilder(URI.create(url)).POST(HttpRequest.BodyPublishers.ofString("{}")).build(), text).statusCode();
            }
            case "HttpURLConnection": {
                if (kept) new URL(warm).openStream().readAllBytes();
                var connection = (HttpURLConnection) new URL(url).openConnection();
                connection.setDoOutput(true);
                connection.getOutputStream().write("{}".getBytes());
                return connection.getResponseCode();
            }
            case "OkHttp": {
                var client = new OkHttpClient();
                if (kept) client.newCall(new Request.Builder().url(warm).build()).execute().body().string();
                return client.newCall(new Request.Builder().url(url).post(RequestBody.create("{}", null)).build()).execute().code();
            }
            case "Apache": {
                var client = HttpClients.createDefault();
                if (kept) client.execute(new HttpGet(warm), answer -> EntityUtils.toString(answer.getEntity()));
                var request = new HttpPost(url);
                request.setEntity(new StringEntity("{}"));
                return client.execute(request, answer -> answer.getCode());
            }
            default: {
                var client = new org.eclipse.jetty.client.HttpClient();
                client.start();
                if (kept) client.GET(warm);
                return client.POST(url).body(new StringRequestContent("{}")).send().getStatus();
            }
        }
    }

    public static void main(String[] arguments) {
        try {
            System.out.println(post(arguments[0], arguments[1].equals("used"), arguments[2] + "/warm", arguments[3]));
        } catch (Exception error) {
            System.out.println("error");
        }
        System.exit(0);
    }
}
JAVA
pip_get requests==2.34.2 httpx==0.28.1 aiohttp==3.14.5 pycurl==7.47.0
npm_get "$work/node" undici@7.30.2
go_get "$work/go"
cat >"$work/java/pom.xml" <<'XML'
<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>findings</groupId><artifactId>posts</artifactId><version>1</version><packaging>pom</packaging><dependencies>
<dependency><groupId>com.squareup.okhttp3</groupId><artifactId>okhttp-jvm</artifactId><version>5.1.0</version></dependency>
<dependency><groupId>org.apache.httpcomponents.client5</groupId><artifactId>httpclient5</artifactId><version>5.5</version></dependency>
<dependency><groupId>org.eclipse.jetty</groupId><artifactId>jetty-client</artifactId><version>12.0.22</version></dependency>
</dependencies></project>
XML
mvn -q -B -f "$work/java/pom.xml" dependency:copy-dependencies -DoutputDirectory="$work/java/lib" >"$work/java/mvn.log" 2>&1 || { cat "$work/java/mvn.log" >&2; exit 1; }
javac -nowarn -cp "$work/java/lib/*" -d "$work/java" "$work/java/Client.java" 2>"$work/java/javac.log" || { cat "$work/java/javac.log" >&2; exit 1; }

port=$(free_port)
server=http://127.0.0.1:$port
start "$work/server.log" python3 "$work/server.py" "$port"
wait_until "$work/server.log" "the server" curl -sf "$server/warm"

# client NAME COMMAND..: on a connection that was used, and on a new one; how often the POST was sent, and what the program was told.
client() {
    local name=$1 how told line=$1
    shift
    for how in used new; do
        told=$(timeout 60 "$@" "$how" "$server" "$server/$name-$how" 2>>"$work/errors" </dev/null | tail -n 1)
        line+=$'\t'"$how: sent $(grep -cx "$name-$how" "$work/server.log" || true), $told"
    done
    echo "$line"
}
cat >"$work/curl.sh" <<'SH'
if [ "$1" = used ]; then warm=("$2/warm" --next -s); else warm=(); fi
told=$(curl -s "${warm[@]}" -w ' %{http_code}' -d '{}' "$3") && echo "${told##* }" || echo error
SH
cat >"$work/wget.sh" <<'SH'
if [ "$1" = used ]; then echo "not tried"; else wget -q -O - --post-data '{}' "$3" >&2 && echo 200 || echo error; fi
SH
curl --version | head -n 1
wget --version | head -n 1
"$work/python/bin/python" -c 'import pycurl; print(pycurl.version)'
{
    for name in requests httpx aiohttp pycurl; do client $name "$work/python/bin/python" "$work/client.py" $name; done
    client undici node "$work/node/client.mjs"
    for name in plain key; do client "Go-$name" "$work/go/program" $name; done
    client curl bash "$work/curl.sh"
    client wget bash "$work/wget.sh"
    for name in HttpClient HttpURLConnection OkHttp Apache Jetty; do client $name java -Xmx64m -cp "$work/java:$work/java/lib/*" Client $name; done
} >"$work/found"
seen_lines "$work/found" <<'FOUND'
requests	used: sent 1, error	new: sent 1, error
httpx	used: sent 1, error	new: sent 1, error
aiohttp	used: sent 1, error	new: sent 1, error
pycurl	used: sent 2, 200	new: sent 1, error
undici	used: sent 1, error	new: sent 1, error
Go-plain	used: sent 1, error	new: sent 1, error
Go-key	used: sent 2, 200	new: sent 1, error
curl	used: sent 2, 200	new: sent 1, error
wget	used: sent 0, not tried	new: sent 2, 200
HttpClient	used: sent 1, error	new: sent 1, error
HttpURLConnection	used: sent 2, 200	new: sent 2, 200
OkHttp	used: sent 2, 200	new: sent 1, error
Apache	used: sent 1, error	new: sent 1, error
Jetty	used: sent 1, error	new: sent 1, error
FOUND
verdict
