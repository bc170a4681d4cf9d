import socket

from greet import hello

server = socket.create_server(("0.0.0.0", 8000))
while True:
    connection, _ = server.accept()
    with connection:
        path = connection.recv(4096).split(b" ")[1].decode()
        body = (hello(path.strip("/")) + "\n").encode()
        connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
