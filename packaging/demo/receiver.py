#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A webhook receiver that prints what modelwatch sends, for people to read.

With --secret-file it checks the signature as the Standard Webhooks scheme has it
(https://github.com/standard-webhooks/standard-webhooks, specification 1.0) and answers 401 to what
is not signed by that secret. A notification that came before, with the same id, is answered and
named a repetition.
"""

import argparse
import base64
import binascii
import collections
import datetime
import hashlib
import hmac
import http.server
import json
import os
import signal
import sys
import threading
import time

BODY_MAX = 256 * 1024  # bytes
TOLERANCE_SECONDS = 300  # between webhook-timestamp and our clock
REMEMBERED_MAX = 1000  # ids to know repetitions by
TEXT_MAX = 2000  # characters printed of one text
COLOURS = {"critical": "31", "warning": "33", "info": "36", "resolved": "32"}


def decode_secret(text):
    """The key in TEXT: base64 after whsec_, else the bytes themselves. Raises ValueError."""
    if text.startswith("whsec_"):
        return base64.b64decode(text[len("whsec_"):], validate=True)
    return text.encode()


def verify(secret, headers, body, now):
    """What is wrong with the signature of a webhook, or None. HEADERS has lower-case names."""
    identity, stamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not identity or not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 12):
        return "webhook-id or webhook-timestamp is missing"
    if abs(now - int(stamp)) > TOLERANCE_SECONDS:
        return "webhook-timestamp is too far from this clock"
    signed = f"{identity}.{stamp}.".encode("latin-1") + body
    expected = base64.b64encode(hmac.digest(secret, signed, hashlib.sha256)).decode()
    for signature in headers.get("webhook-signature", "").split():
        version, _, value = signature.partition(",")
        if version == "v1" and hmac.compare_digest(value.encode(), expected.encode()):
            return None
    return "webhook-signature is not ours"


def printable(value):
    """A text of a stranger's on one line, without what a terminal would obey."""
    text = str(value)[:TEXT_MAX]
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def _dicts(value):
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _alert_lines(alert):
    yield f"  {printable(alert.get('rule', '?'))}: {printable(alert.get('summary', ''))}"
    if alert.get("state") == "resolved":
        return  # the details were told when it fired
    if alert.get("description"):
        yield f"    {printable(alert['description'])}"
    for evidence in _dicts(alert.get("evidence")):
        yield f"    {printable(evidence.get('name', ''))}: {printable(evidence.get('text', ''))}"


def describe(message, when, again):
    """The lines for one notification: (text, severity or None for no colour)."""
    incident = message.get("incident")
    if not isinstance(incident, dict):
        incident = {}
    kind = printable(message.get("type", "?"))
    severity = str(incident.get("severity", "info"))
    colour = "resolved" if kind == "incident.resolved" else severity
    stamp = when.astimezone(datetime.timezone.utc).isoformat(timespec="milliseconds")
    heading = f"{stamp.replace('+00:00', 'Z')} {kind} {printable(severity)}"
    if "title" in incident:
        heading += f": {printable(incident['title'])}"
    if again:
        heading += " (a repetition)"
    lines = [(heading, colour)]
    for alert in _dicts(message.get("alerts")):
        lines += [(line, None) for line in _alert_lines(alert)]
    if incident.get("url"):
        lines.append((f"  {printable(incident['url'])}", None))
    return lines


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "modelwatch-demo-receiver", ""
    timeout = 15

    def do_POST(self):
        when = datetime.datetime.now(datetime.timezone.utc)
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit() and len(length) <= 9):
            return self._answer(411, "Content-Length is needed", close=True)
        if int(length) > BODY_MAX:
            return self._answer(413, "too large", close=True)
        body = self.rfile.read(int(length))
        headers = {name.lower(): value for name, value in self.headers.items()}
        if self.server.secret is not None:
            problem = verify(self.server.secret, headers, body, time.time())
            if problem:
                self.server.show([(f"refused: {problem}", "warning")])
                return self._answer(401, problem)
        try:
            message = json.loads(body.decode("utf-8"))
        except (ValueError, RecursionError):
            message = None
        if not isinstance(message, dict):
            return self._answer(400, "not a JSON object")
        again = self.server.known(headers.get("webhook-id"))
        self.server.show(describe(message, when, again))
        return self._answer(200, "thank you")

    def _answer(self, status, text, close=False):
        content = text.encode() + b"\n"
        self.close_connection = self.close_connection or close
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_arguments):
        """What matters was printed."""


class Receiver(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address, secret, output):
        self.secret, self._output = secret, output
        self._colour = output.isatty() and "NO_COLOR" not in os.environ
        self._lock = threading.Lock()
        self._seen = collections.OrderedDict()
        super().__init__(address, Handler)

    def known(self, identity):
        """Whether a notification of that id came before; remembers it."""
        with self._lock:
            again = identity is not None and identity in self._seen
            self._seen[identity] = True
            if len(self._seen) > REMEMBERED_MAX:
                self._seen.popitem(last=False)
            return again

    def show(self, lines):
        with self._lock:
            for text, colour in lines:
                code = COLOURS.get(colour) if self._colour else None
                self._output.write(f"\x1b[{code}m{text}\x1b[0m\n" if code else f"{text}\n")
            self._output.flush()


def _load_secret(path):
    with open(path, encoding="utf-8") as file:
        return decode_secret(file.read().removesuffix("\n"))


def main():
    parser = argparse.ArgumentParser(description="Print the webhooks that arrive.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=18001, help="0: any free one (default: 18001)")
    parser.add_argument("--secret-file", help="holds the secret: whsec_ and base64, or raw text")
    options = parser.parse_args()
    try:
        secret = _load_secret(options.secret_file) if options.secret_file else None
        server = Receiver((options.host, options.port), secret, sys.stdout)
    except (OSError, OverflowError, ValueError, binascii.Error) as problem:
        sys.exit(f"receiver.py: {options.host}:{options.port}: {problem}")
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    print(f"waiting for webhooks at http://{options.host}:{server.server_address[1]}/",
          file=sys.stderr, flush=True)
    server.serve_forever(poll_interval=0.1)
    server.server_close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
