# SPDX-License-Identifier: Apache-2.0
"""HTTP towards the daemon: over TCP, over the unix socket, and byte by byte."""
import dataclasses
import http.client
import json
import re
import socket

from .wait import DEADLINE


@dataclasses.dataclass
class Answer:
    """What came back."""
    status: int
    headers: dict
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def text(self):
        return self.body.decode()


def _is_whole(answer):
    """Whether all that an answer's Content-Length promises is there."""
    head, end, body = answer.partition(b"\r\n\r\n")
    length = re.search(rb"\r\ncontent-length: *(\d+)", head, re.I)
    return bool(end and length and len(body) >= int(length[1]))


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=DEADLINE)
        self._path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Client:
    """Requests to one address: a (host, port) or the path of a unix socket."""

    def __init__(self, address):
        self.address = address

    def _connection(self):
        if isinstance(self.address, tuple):
            return http.client.HTTPConnection(*self.address, timeout=DEADLINE)
        return _UnixConnection(self.address)

    def connect(self):
        """A connection for several requests."""
        connection = self._connection()
        connection.connect()
        return connection

    def request(self, method, path, body=None, headers=None):
        """One request on a connection of its own; an object as BODY is sent as JSON."""
        headers = dict(headers or {})
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            headers.setdefault("Content-Type", "application/json")
        connection = self._connection()
        try:
            connection.request(method, path, body=body, headers=headers)
            response = connection.getresponse()
            return Answer(response.status, {k.lower(): v for k, v in response.getheaders()},
                          response.read())
        finally:
            connection.close()

    def get(self, path, **headers):
        """GET; keyword arguments are headers, _ for -."""
        return self.request("GET", path,
                            headers={k.replace("_", "-"): v for k, v in headers.items()})

    def post(self, path, body=None, **headers):
        """POST; keyword arguments are headers, _ for -."""
        return self.request("POST", path, body,
                            headers={k.replace("_", "-"): v for k, v in headers.items()})

    def json(self, path):
        """The object that a GET of PATH answers with status 200."""
        answer = self.get(path)
        assert answer.status == 200, f"{path}: {answer.status} {answer.body[:300]!r}"
        return answer.json

    def raw(self, data, patience=0.05):
        """Sends bytes as they are; returns the bytes of the answer until it is whole, the peer
        closes or, where it waits for more of the request, patience (seconds) is over."""
        family = socket.AF_INET if isinstance(self.address, tuple) else socket.AF_UNIX
        answer = b""
        with socket.socket(family) as s:
            s.settimeout(patience)
            s.connect(self.address if isinstance(self.address, tuple) else str(self.address))
            try:
                s.sendall(data)
                while not _is_whole(answer) and (chunk := s.recv(65536)):
                    answer += chunk
            except (BrokenPipeError, ConnectionResetError, TimeoutError):
                pass
        return answer
