# A relay between clients and a broker: PORT BROKER_PORT LOG. Writes client id and `acks` of each Produce request to LOG.
import socket, struct, sys, threading

port, broker_port, log = int(sys.argv[1]), int(sys.argv[2]), open(sys.argv[3], "a", buffering=1)

def exactly(stream, size):
    read = b""
    while len(read) < size:
        part = stream.recv(size - len(read))
        if not part:
            raise EOFError
        read += part
    return read

def requests(client, broker):
    try:
        while True:
            size = exactly(client, 4)
            body = exactly(client, struct.unpack(">i", size)[0])
            key, version, _, length = struct.unpack(">hhih", body[:10])
            if key == 0:  # Produce: header (client id, tags from version 9 on), transactional id, acks
                client_id, at = body[10 : 10 + max(length, 0)].decode(), 10 + max(length, 0)
                if version >= 9:
                    assert body[at] == 0, "tags in the header"
                    assert body[at + 1] < 128, "a long transactional id"
                    at += 2 + max(body[at + 1] - 1, 0)
                else:
                    at += 2 + max(struct.unpack(">h", body[at : at + 2])[0], 0)
                log.write(f"{client_id}\t{struct.unpack('>h', body[at : at + 2])[0]}\n")
            broker.sendall(size + body)
    except (EOFError, OSError):
        pass
    finally:
        broker.close()

def answers(broker, client):
    try:
        while part := broker.recv(65536):
            client.sendall(part)
    except OSError:
        pass
    finally:
        client.close()

listener = socket.create_server(("127.0.0.1", port))
while True:
    client, _ = listener.accept()
    broker = socket.create_connection(("127.0.0.1", broker_port))
    threading.Thread(target=requests, args=(client, broker), daemon=True).start()
    threading.Thread(target=answers, args=(broker, client), daemon=True).start()
