#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A small inference server: serves completions of a model in a safetensors file, over HTTP.

POST /v1/completions   OpenAI's completions, computed with the file's weights
GET  /v1/models        the one model
GET  /health           200 while the engine runs, else 503
GET  /metrics          Prometheus text, with vLLM's names

It is what modelwatch's quickstart watches when a host has no model server of its own. SIGTERM ends
it after the requests that it has were answered.
"""

import argparse
import http.server
import json
import os
import queue
import signal
import sys
import threading
import time
import uuid

import accesslog
import completions
import engine
import metrics
import model
import weights

BODY_MAX = 1024 * 1024  # bytes of a request's body
CONNECTIONS_MAX = 64  # open connections; more are closed at once
IDLE_SECONDS = 15  # a connection that says nothing for so long is closed
STOP_SECONDS = 4  # what SIGTERM gives to answers under way


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "modelwatch-demo"
    timeout = IDLE_SECONDS
    disable_nagle_algorithm = True
    routes = {
        ("GET", "/health"): "health",
        ("GET", "/v1/models"): "models",
        ("GET", "/metrics"): "show_metrics",
        ("POST", "/v1/completions"): "complete",
    }

    def version_string(self):
        return self.server_version

    def do_GET(self):
        self._dispatch()

    def do_POST(self):
        self._dispatch()

    def _dispatch(self):
        self.server.answering(+1)
        try:
            self._route()
        except completions.BadRequest as problem:
            self._json(problem.status, problem.body())
        except engine.Busy:
            self._json(503, completions.error("the server is busy", "server_error"),
                       {"Retry-After": "1"})
        except (ConnectionError, TimeoutError):
            self.close_connection = True  # nobody is there to be told
            self._log(499, 0)
        finally:
            self.server.answering(-1)

    def _route(self):
        body = self._body()  # read in any case, so that the connection can go on
        path = self.path.partition("?")[0]
        name = self.routes.get((self.command, path))
        if name is not None:
            getattr(self, "_" + name)(body)
        elif path in {known for _, known in self.routes}:
            raise completions.BadRequest(f"{self.command} is not for {path}", status=405)
        else:
            raise completions.BadRequest(f"there is no {path}", status=404)

    def _body(self):
        if "Transfer-Encoding" in self.headers:
            self.close_connection = True
            raise completions.BadRequest("Content-Length is needed", status=411)
        text = self.headers.get("Content-Length", "0" if self.command == "GET" else "")
        if not text.isascii() or not text.isdigit() or len(text) > 12:
            self.close_connection = True
            raise completions.BadRequest("Content-Length is needed", status=411)
        if int(text) > BODY_MAX:
            self.close_connection = True
            raise completions.BadRequest(f"a body has at most {BODY_MAX} bytes", status=413)
        return self.rfile.read(int(text))

    def _health(self, _body):
        self._send(200 if self.server.engine.alive() else 503, "text/plain", b"")

    def _models(self, _body):
        card = {"id": self.server.model_name, "object": "model", "created": self.server.started,
                "owned_by": "modelwatch", "max_model_len": engine.CONTEXT_MAX}
        self._json(200, {"object": "list", "data": [card]})

    def _show_metrics(self, _body):
        page = self.server.metrics.render(self.server.engine.gauges())
        self._send(200, metrics.CONTENT_TYPE, page.encode())

    def _complete(self, body):
        fields = completions.parse(body, self.server.model_name, engine.CONTEXT_MAX)
        request = engine.Request(self.server.model.encode(fields["prompt"]), fields["max_tokens"],
                                 fields["temperature"], fields["seed"])
        self.server.engine.submit(request)
        try:
            if fields["stream"]:
                self._stream(request)
            else:
                self._whole(request)
        finally:
            request.cancelled = True  # of effect only where the client went away

    def _tokens(self, request):
        """The completion's pieces as they come."""
        while True:
            try:
                text = request.tokens.get(timeout=1)
            except queue.Empty:
                if not self.server.engine.alive():
                    raise completions.BadRequest("the engine is dead", status=500) from None
                continue
            if text is None:
                return
            yield text

    def _chunk(self, identity, text, reason):
        return completions.chunk(identity, int(time.time()), self.server.model_name, text, reason)

    def _whole(self, request):
        text = "".join(self._tokens(request))
        answer = self._chunk(f"cmpl-{uuid.uuid4().hex}", text, request.reason)
        answer["usage"] = completions.usage(request.prompt_tokens, request.generated)
        self._json(200, answer)

    def _stream(self, request):
        identity, size = f"cmpl-{uuid.uuid4().hex}", 0
        self.close_connection = True  # the end of the connection ends the stream
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        try:
            for text in self._tokens(request):
                size += self._event(self._chunk(identity, text, None))
        except completions.BadRequest as problem:  # too late for another status
            self._log(problem.status, size)
            return
        last = self._chunk(identity, "", request.reason)
        last["usage"] = completions.usage(request.prompt_tokens, request.generated)
        size += self._event(last)
        self.wfile.write(b"data: [DONE]\n\n")
        self._log(200, size + len(b"data: [DONE]\n\n"))

    def _event(self, value):
        return self.wfile.write(b"data: " + json.dumps(value).encode() + b"\n\n")

    def _json(self, status, value, headers=()):
        self._send(status, "application/json", json.dumps(value).encode(), dict(headers))

    def _send(self, status, kind, content, headers=None):
        if self.server.stopping:
            self.close_connection = True
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(content)
        self._log(status, len(content))

    def send_error(self, code, message=None, explain=None):
        """What the standard library refuses itself: a request line or header that is none."""
        self.close_connection = True
        self.request_version = self.protocol_version  # a bad request line left it at HTTP/0.9
        text = message or self.responses.get(code, ("error", ""))[0]
        self._json(int(code), completions.error(text, "invalid_request_error"))

    def _log(self, status, size):
        agent = referer = None
        if getattr(self, "headers", None) is not None:
            agent, referer = self.headers.get("User-Agent"), self.headers.get("Referer")
        self.server.log.write(self.client_address[0], time.time(), getattr(self, "requestline", ""),
                              status, size, referer, agent)

    def log_message(self, *_arguments):
        """The access log says it."""


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True  # idle connections do not hold up the end
    request_queue_size = 64

    def __init__(self, address, loaded, model_name, log):
        self.model, self.model_name, self.log = loaded, model_name, log
        self.metrics = metrics.Metrics(model_name)
        self.engine = engine.Engine(loaded, self.metrics)
        self.started = int(time.time())
        self.stopping = False
        self._slots = threading.BoundedSemaphore(CONNECTIONS_MAX)
        self._answering, self._quiet = 0, threading.Condition()
        super().__init__(address, Handler)

    def answering(self, change):
        with self._quiet:
            self._answering += change
            self._quiet.notify_all()

    def process_request(self, request, client_address):
        if not self._slots.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request, client_address):
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._slots.release()

    def handle_error(self, request, client_address):
        """A client that goes away in the middle is nothing to report; anything else is."""
        if not isinstance(sys.exc_info()[1], (ConnectionError, TimeoutError)):
            super().handle_error(request, client_address)

    def stop(self, *_signal):
        """For a signal handler: ends serve_forever(), which cannot be waited for in its thread."""
        self.stopping = True
        threading.Thread(target=self.shutdown).start()

    def serve(self):
        self.engine.start()
        self.serve_forever(poll_interval=0.1)
        self.server_close()
        self.engine.stop()
        with self._quiet:
            self._quiet.wait_for(lambda: self._answering == 0, STOP_SECONDS)


def main():
    parser = argparse.ArgumentParser(description="Serve completions of a small model.")
    parser.add_argument("--model", required=True, help="the safetensors file")
    parser.add_argument("--model-name", help="the name to serve it under (default: the file's)")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=18000, help="0: any free one (default: 18000)")
    parser.add_argument("--access-log", default="/dev/stdout", help="default: standard output")
    options = parser.parse_args()
    try:
        loaded = model.load(options.model)
        log = accesslog.AccessLog(options.access_log)
        name = options.model_name or os.path.splitext(os.path.basename(options.model))[0]
        server = Server((options.host, options.port), loaded, name, log)
    except (OSError, OverflowError, weights.BadWeights) as problem:
        sys.exit(f"server.py: {options.model} on {options.host}:{options.port}: {problem}")
    signal.signal(signal.SIGTERM, server.stop)
    signal.signal(signal.SIGINT, server.stop)
    print(f"serving {name} at http://{options.host}:{server.server_address[1]}/v1/completions",
          file=sys.stderr, flush=True)
    server.serve()
    return 0


if __name__ == "__main__":
    sys.exit(main())
