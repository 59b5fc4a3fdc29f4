# SPDX-License-Identifier: Apache-2.0
"""A receiver of notifications that does what real ones do, good and bad.

It speaks HTTP/1.1 over plain sockets, a thread for each connection, so that every misbehaviour is
possible and the time at which the whole request was there is exact."""
import dataclasses
import json
import select
import socket
import threading
import time

from .places import free_port
from .wait import await_condition

_REASONS = {200: "OK", 204: "No Content", 302: "Found", 400: "Bad Request",
            408: "Request Timeout", 410: "Gone",
            425: "Too Early", 429: "Too Many Requests", 500: "Internal Server Error",
            503: "Service Unavailable"}


@dataclasses.dataclass
class Post:
    """One whole request."""
    number: int           # in the order of arrival, from 0
    began_ns: int         # when its first line was there
    monotonic_ns: int     # when its last byte was there
    path: str
    headers: dict
    body: bytes
    answered: str = ""    # what the receiver did
    status: int = 0       # that it answered in full; 0 for none

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def id(self):
        return self.headers.get("webhook-id")

    @property
    def type(self):
        return self.json["type"]

    @property
    def service(self):
        return (self.json.get("incident") or {}).get("service")


class Reply:
    """Answers with a status."""

    def __init__(self, status=200, body=b"", **headers):
        self.status = status
        self._body = body
        self._headers = {k.replace("_", "-"): v for k, v in headers.items()}

    def __str__(self):
        return f"{self.status}"

    def _bytes(self):
        lines = [f"HTTP/1.1 {self.status} {_REASONS.get(self.status, 'Other')}",
                 f"Content-Length: {len(self._body)}",
                 *(f"{k}: {v}" for k, v in self._headers.items())]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + self._body

    def answer(self, connection, stopping):
        """Returns the status that was answered in full, or 0; then the connection is closed."""
        connection.sendall(self._bytes())
        return self.status


class Drip(Reply):
    """Answers, a byte at a time."""

    def answer(self, connection, stopping):
        for byte in self._bytes():
            connection.sendall(bytes([byte]))
            if stopping.wait(0.005):
                return 0
        return self.status


class Hang:
    """Takes the request and says nothing until the sender gives up or `release` is set."""

    def __init__(self):
        self.release = threading.Event()

    def __str__(self):
        return "hang"

    def answer(self, connection, stopping):
        while not stopping.is_set() and not self.release.is_set():
            readable, _, _ = select.select([connection], [], [], 0.02)
            if readable:
                break
        return 0


class CloseEarly:
    """Closes after the whole request, or with BEFORE_BODY after its header, without an answer."""

    def __init__(self, before_body=False):
        self.before_body = before_body

    def __str__(self):
        return "close"

    def answer(self, connection, stopping):
        return 0


class Receiver:
    """Listens on 127.0.0.1 and records every POST. What it does is OK (200) unless scripted."""

    def __init__(self, secret=None, path="/hook", tls=None, validate=True):
        self.port = free_port()
        self.secret = secret
        self.path = path
        self.posts = []
        self.faults = []       # what was wrong with the notifications
        self.changed = threading.Condition()
        self._script = []
        self._always = Reply(200)
        self._tls = tls
        self.validate = validate
        self._stopping = threading.Event()
        self._listener = None
        self.up()

    @property
    def url(self):
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}{self.path}"

    # What it does.

    def script(self, *behaviours):
        """Each of them once, in this order, then as before."""
        with self.changed:
            self._script += behaviours

    def always(self, behaviour):
        """From now on, whenever the script is over."""
        with self.changed:
            self._always = behaviour

    def up(self):
        """Listens (again)."""
        self._stopping = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=256)
        threading.Thread(target=self._accept, args=(self._listener, self._stopping),
                         daemon=True).start()

    def down(self):
        """Stops listening: connections are refused, open ones are closed."""
        if self._stopping.is_set():
            return
        self._stopping.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    close = down

    # What came.

    def wait(self, what, count=1, service=None, status=200, deadline=None):
        """Waits for COUNT different notifications of that type that were answered so. Returns the
        first post of each."""
        def found():
            chosen = {}
            for post in self.posts:
                if post.status == status and post.path == self.path and post.type == what \
                        and service in (None, post.service):
                    chosen.setdefault(post.id, post)
            return list(chosen.values()) if len(chosen) >= count else None
        with self.changed:
            return await_condition(self.changed, found, f"{count} x {what} of {service} at "
                                   f"{self.url} (has {self.summary()})", deadline)

    def wait_posts(self, count, deadline=None):
        """Waits for COUNT requests, answered or not, and returns them."""
        with self.changed:
            return await_condition(
                self.changed, lambda: self.posts[:] if len(self.posts) >= count else None,
                f"{count} requests at {self.url} (has {self.summary()})", deadline)

    def summary(self):
        """The requests in short, for people."""
        return [(p.type, p.service, p.answered) for p in self.posts]

    def delivered(self):
        """The first successful post of each notification, in the order of arrival."""
        first = {}
        for post in self.posts:
            if 200 <= post.status < 300:
                first.setdefault(post.id, post)
        return list(first.values())

    # How.

    def _accept(self, listener, stopping):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection, stopping), daemon=True).start()

    def _serve(self, connection, stopping):
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls:
                connection = self._tls.wrap_socket(connection, server_side=True)
            with connection, connection.makefile("rb") as stream:
                while not stopping.is_set() and self._one(connection, stream, stopping):
                    pass
        except OSError:
            pass

    def _one(self, connection, stream, stopping):
        """One request. Whether the connection lives on."""
        line = stream.readline().decode("latin-1").split()
        began = time.monotonic_ns()
        if len(line) != 3:
            return False
        headers = {}
        while (header := stream.readline().decode("latin-1")) not in ("\r\n", ""):
            name, _, value = header.partition(":")
            headers[name.strip().lower()] = value.strip()
        behaviour = self._next()
        if getattr(behaviour, "before_body", False):
            return False
        body = stream.read(int(headers.get("content-length", 0)))
        times = (began, time.monotonic_ns())
        post = self._record(times, line[1], headers, body, str(behaviour))
        status = behaviour.answer(connection, stopping)
        with self.changed:
            post.status = status
            self.changed.notify_all()
        return status != 0

    def _next(self):
        with self.changed:
            return self._script.pop(0) if self._script else self._always

    def _record(self, times, path, headers, body, answered):
        with self.changed:
            post = Post(len(self.posts), *times, path, headers, body, answered)
            self.posts.append(post)
            self.changed.notify_all()
        if self.validate:
            self.check(post)
        return post

    def check(self, post):
        """Adds what is wrong with a notification to the faults."""
        from . import webhook  # not above: the benches map no library that the daemon measures
        self.faults += [f"post {post.number}: {fault}" for fault in
                        webhook.faults(post.headers, post.body, self.secret)]
