# SPDX-License-Identifier: Apache-2.0
"""The quickstart's demo: model, server, client and receiver, as programs and at their parsers."""

import base64
import hashlib
import hmac
import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest
from harness.wait import eventually

DEMO = os.path.join(os.path.dirname(__file__), "..", "..", "packaging", "demo")
sys.path.insert(0, DEMO)

import accesslog  # noqa: E402
import completions  # noqa: E402
import receiver  # noqa: E402
import weights  # noqa: E402

PYTHON = "/usr/bin/python3"


def start(program, *arguments, **options):
    """Starts a program of the demo; returns it and the port that it says it serves."""
    process = subprocess.Popen([PYTHON, "-B", os.path.join(DEMO, program), *arguments],
                               stderr=subprocess.PIPE, text=True, **options)
    said = process.stderr.readline()
    found = re.search(r"http://127\.0\.0\.1:(\d+)/", said)
    assert found, said + process.stderr.read()
    return process, int(found.group(1))


def finish(process):
    """Ends a program as people do and returns its exit status."""
    process.send_signal(signal.SIGTERM)
    try:
        return process.wait(timeout=30)
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


@pytest.fixture(scope="module")
def model_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "demo.safetensors"
    subprocess.run([PYTHON, "-B", os.path.join(DEMO, "train.py"), "--output", path], check=True)
    return path


class Service:
    def __init__(self, model_file, log):
        self.log = log
        self.process, self.port = start("server.py", "--model", str(model_file), "--port", "0",
                                        "--access-log", str(log))

    def request(self, path, body=None, headers=None):
        """(status, headers, text); BODY bytes or something for JSON."""
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", body, headers or {})
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.headers, answer.read().decode()
        except urllib.error.HTTPError as answer:
            with answer:
                return answer.code, answer.headers, answer.read().decode()

    def complete(self, **fields):
        body = {"model": "demo", "prompt": "The lamp", "temperature": 0, **fields}
        return self.request("/v1/completions", body)

    def log_lines(self, count):
        """The access log once it has COUNT lines: a line follows the answer that it tells of."""
        def complete():
            lines = self.log.read_text().splitlines(keepends=True)
            return lines if len(lines) >= count and lines[-1].endswith("\n") else None
        return eventually(complete, f"{count} lines in the access log")

    def metrics(self):
        """Every sample of /metrics: value by name and labels as they stand there."""
        text = self.request("/metrics")[2]
        pairs = (line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
        return {name: float(value) for name, value in pairs}


@pytest.fixture(scope="module")
def service(model_file, tmp_path_factory):
    """One server for all tests that do not ask for a fresh one."""
    service = Service(model_file, tmp_path_factory.mktemp("service") / "access.log")
    yield service
    assert finish(service.process) == 0


@pytest.fixture
def fresh(model_file, tmp_path):
    service = Service(model_file, tmp_path / "access.log")
    yield service
    assert finish(service.process) == 0


def test_training_is_deterministic(model_file, tmp_path):
    again = tmp_path / "again.safetensors"
    subprocess.run([PYTHON, "-B", os.path.join(DEMO, "train.py"), "--output", again], check=True)
    assert again.read_bytes() == model_file.read_bytes()
    assert len(again.read_bytes()) < 512 * 1024


def test_completion_is_computed_and_deterministic(service):
    status, headers, text = service.complete(max_tokens=40)
    assert status == 200 and headers["Content-Type"] == "application/json"
    first, second = json.loads(text), json.loads(service.complete(max_tokens=40)[2])
    assert first["object"] == "text_completion" and first["model"] == "demo"
    assert first["choices"] == second["choices"]
    assert first["choices"][0]["finish_reason"] == "length"
    assert first["usage"] == {"prompt_tokens": 8, "completion_tokens": 40, "total_tokens": 48}
    words = set(re.findall(r"[a-z]+", first["choices"][0]["text"])[:-1])
    with open(os.path.join(DEMO, "corpus.txt"), encoding="utf-8") as file:
        assert words and words <= set(re.findall(r"[a-z]+", file.read()))


def test_completion_follows_the_weights(service, model_file, tmp_path):
    content = bytearray(model_file.read_bytes())
    vocabulary = weights.parse(bytes(content)).metadata["vocabulary"]
    position = len(content) - 4 * len(vocabulary) + 4 * vocabulary.index("k")
    content[position : position + 4] = struct.pack("<f", 100.0)  # the bias of "k"
    changed = tmp_path / "demo.safetensors"
    changed.write_bytes(content)
    other = Service(changed, tmp_path / "other.log")
    try:
        text = json.loads(other.complete(max_tokens=5)[2])["choices"][0]["text"]
    finally:
        assert finish(other.process) == 0
    assert text == "kkkkk"
    assert json.loads(service.complete(max_tokens=5)[2])["choices"][0]["text"] != text


def test_seeded_sampling_repeats(service):
    texts = [json.loads(service.complete(temperature=0.7, seed=seed, max_tokens=60)[2])
             ["choices"][0]["text"] for seed in (1, 1, 2)]
    assert texts[0] == texts[1] != texts[2]


def test_stream_is_the_same_text_in_pieces(service):
    whole = json.loads(service.complete(max_tokens=20)[2])["choices"][0]
    status, headers, text = service.complete(max_tokens=20, stream=True)
    assert status == 200 and headers["Content-Type"] == "text/event-stream"
    events = [line.removeprefix("data: ") for line in text.split("\n\n") if line]
    assert events.pop() == "[DONE]"
    pieces = [json.loads(event) for event in events]
    assert "".join(piece["choices"][0]["text"] for piece in pieces) == whole["text"]
    assert pieces[-1]["choices"][0]["finish_reason"] == whole["finish_reason"]
    assert pieces[-1]["usage"]["completion_tokens"] == 20


def test_metrics_move_with_the_requests(service):
    labels = 'model_name="demo",engine="0"'
    moving = {
        f"vllm:prompt_tokens_total{{{labels}}}": 8,
        f"vllm:generation_tokens_total{{{labels}}}": 10,
        f"vllm:iteration_tokens_total_sum{{{labels}}}": 18,
        f"vllm:iteration_tokens_total_count{{{labels}}}": 10,
        f"vllm:time_to_first_token_seconds_count{{{labels}}}": 1,
        f"vllm:inter_token_latency_seconds_count{{{labels}}}": 9,
        f"vllm:e2e_request_latency_seconds_count{{{labels}}}": 1,
        f'vllm:request_success_total{{{labels},finished_reason="length"}}': 1,
        f'vllm:e2e_request_latency_seconds_bucket{{{labels},le="+Inf"}}': 1,
    }
    before = service.metrics()
    assert service.complete(max_tokens=10)[0] == 200
    after = service.metrics()
    assert {name: after[name] - before[name] for name in moving} == moving
    for name in ("num_requests_running", "num_requests_waiting", "kv_cache_usage_perc"):
        assert after[f"vllm:{name}{{{labels}}}"] == 0


def test_other_pages(service):
    assert service.request("/health")[0] == 200
    assert json.loads(service.request("/v1/models")[2])["data"][0]["id"] == "demo"


def test_access_log_has_a_line_for_an_answer(fresh):
    status, headers, _ = fresh.request("/health", headers={"User-Agent": 'a "b"\\'})
    (line,) = fresh.log_lines(1)
    assert re.fullmatch(
        r"127\.0\.0\.1 - - \[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000\] "
        r'"GET /health HTTP/1\.1" 200 0 "-" "a \\x22b\\x22\\x5C"\n', line), line
    assert status == 200 and headers["Content-Length"] == "0"


@pytest.mark.parametrize("fields, status, param", [
    ({"model": "other"}, 404, "model"),
    ({"model": None}, 404, "model"),
    ({"prompt": ""}, 400, "prompt"),
    ({"prompt": ["a"]}, 400, "prompt"),
    ({"max_tokens": 0}, 400, "max_tokens"),
    ({"max_tokens": 1.5}, 400, "max_tokens"),
    ({"max_tokens": True}, 400, "max_tokens"),
    ({"max_tokens": 1020}, 400, "max_tokens"),
    ({"max_tokens": 10**400}, 400, "max_tokens"),
    ({"temperature": -1}, 400, "temperature"),
    ({"temperature": "hot"}, 400, "temperature"),
    ({"temperature": float("nan")}, 400, "temperature"),
    ({"stream": "yes"}, 400, "stream"),
    ({"n": 2}, 400, "n"),
    ({"stop": ["."]}, 400, "stop"),
    ({"logprobs": 3}, 400, "logprobs"),
])
def test_bad_fields_are_refused_as_openai_does(service, fields, status, param):
    got, headers, text = service.complete(**fields)
    error = json.loads(text)["error"]
    assert (got, error["param"], error["type"]) == (status, param, "invalid_request_error")
    assert error["message"]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b'"x"', b"[" * 100_000])
def test_bad_bodies_are_refused(service, body):
    status, _, text = service.request("/v1/completions", body)
    assert status == 400 and json.loads(text)["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize("raw, status", [
    (b"POST /v1/completions HTTP/1.1\r\nHost: a\r\n\r\n", b"411"),
    (b"POST /v1/completions HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", b"411"),
    (b"POST /v1/completions HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", b"411"),
    (b"POST /v1/completions HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n", b"413"),
    (b"GET /v1/completions HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", b"405"),
    (b"GET /etc/passwd HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", b"404"),
    (b"nonsense\r\n\r\n", b"400"),
    (b"BREW / HTTP/1.1\r\nHost: a\r\n\r\n", b"501"),
])
def test_bad_http_is_refused_and_the_server_lives(service, raw, status):
    with socket.create_connection(("127.0.0.1", service.port), timeout=30) as connection:
        connection.sendall(raw)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert status in answer.split(b"\r\n", 1)[0], answer
    assert service.request("/health")[0] == 200


def test_a_client_that_leaves_ends_its_request(service):
    body = json.dumps({"model": "demo", "prompt": "a", "max_tokens": 1000, "stream": True,
                       "temperature": 2}).encode()
    for _ in range(5):
        with socket.create_connection(("127.0.0.1", service.port), timeout=30) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.sendall(b"POST /v1/completions HTTP/1.1\r\nHost: a\r\nContent-Length: "
                               + str(len(body)).encode() + b"\r\n\r\n" + body)
            connection.recv(1)
    assert service.complete(max_tokens=1)[0] == 200  # after them, so they are out of the queue
    running = 'vllm:num_requests_running{model_name="demo",engine="0"}'
    eventually(lambda: service.metrics()[running] == 0, "no request that runs")


def rewrite(content, change):
    """The file with its header changed by CHANGE and its data as it was."""
    (length,) = struct.unpack_from("<Q", content)
    header = json.loads(content[8 : 8 + length])
    change(header)
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + content[8 + length :]


CORRUPTIONS = {
    "empty": lambda c: b"",
    "short": lambda c: c[:7],
    "header too long": lambda c: struct.pack("<Q", 100_000_001) + c[8:],
    "header past the end": lambda c: struct.pack("<Q", 50_000_000) + c[8:],
    "length overflows": lambda c: b"\xff" * 8 + c[8:],
    "truncated data": lambda c: c[:-1],
    "trailing data": lambda c: c + b"\0",
    "not an object": lambda c: c[:8] + b"[" + c[9:],
    "not JSON": lambda c: c[:9] + b"x" + c[10:],
    "not UTF-8": lambda c: c[:10] + b"\xff" + c[11:],
    "NaN": lambda c: c[:-4] + struct.pack("<f", float("nan")),
    "infinity": lambda c: c[:-4] + struct.pack("<f", float("inf")),
    "unknown dtype": lambda c: rewrite(c, lambda h: h["output.bias"].update(dtype="F33")),
    "wrong dtype": lambda c: rewrite(c, lambda h: h["output.bias"].update(dtype="F16")),
    "not a float": lambda c: rewrite(c, lambda h: h["output.bias"].update(dtype="I32")),
    "negative shape": lambda c: rewrite(c, lambda h: h["output.bias"].update(shape=[-1])),
    "huge shape": lambda c: rewrite(c, lambda h: h["output.bias"].update(shape=[2**63, 2**63])),
    "shape is text": lambda c: rewrite(c, lambda h: h["output.bias"].update(shape="41")),
    "hole": lambda c: rewrite(c, lambda h: h.pop("context.2.weight")),
    "overlap": lambda c: rewrite(
        c, lambda h: h["context.2.weight"].update(h["context.1.weight"])),
    "metadata not flat": lambda c: rewrite(c, lambda h: h["__metadata__"].update(a={"b": "c"})),
    "no vocabulary": lambda c: rewrite(c, lambda h: h.pop("__metadata__")),
    "short vocabulary": lambda c: rewrite(c, lambda h: h["__metadata__"].update(vocabulary="ab")),
    "other name": lambda c: rewrite(c, lambda h: h.update(bias=h.pop("output.bias"))),
}


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_corrupt_weights_are_refused(model_file, tmp_path, name):
    bad = tmp_path / "bad.safetensors"
    bad.write_bytes(CORRUPTIONS[name](model_file.read_bytes()))
    done = subprocess.run([PYTHON, "-B", os.path.join(DEMO, "server.py"), "--model", bad, "--port",
                           "0"], stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert str(bad) in done.stderr and "Traceback" not in done.stderr


def test_duplicate_tensors_are_refused():
    entry = b'"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}'
    text = b"{" + entry + b"," + entry + b"}"
    with pytest.raises(weights.BadWeights, match="twice"):
        weights.parse(struct.pack("<Q", len(text)) + text + b"\0")


def test_legal_oddities_are_read():
    text = (b'{"empty":{"dtype":"F32","shape":[0,5],"data_offsets":[4,4]},'
            b'"scalar":{"dtype":"F32","shape":[],"data_offsets":[0,4]},'
            b'"half":{"dtype":"F16","shape":[2],"data_offsets":[4,8]}}   ')
    file = weights.parse(struct.pack("<Q", len(text)) + text + struct.pack("<f2e", 1.5, 2, -2))
    assert [file.values(name) for name in ("empty", "scalar", "half")] == [(), (1.5,), (2.0, -2.0)]


def test_a_port_in_use_is_named(service, model_file):
    done = subprocess.run([PYTHON, "-B", os.path.join(DEMO, "server.py"), "--model", model_file,
                           "--port", str(service.port), "--access-log", "/dev/null"],
                          stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    assert done.returncode == 1 and f":{service.port}: " in done.stderr


def test_client_sends_what_it_was_asked_for(fresh):
    subprocess.run([PYTHON, "-B", os.path.join(DEMO, "client.py"), "--model", "demo",
                    "--rate", "20", "--count", "3", "--url", f"http://127.0.0.1:{fresh.port}"], check=True)
    lines = fresh.log_lines(9)
    assert len(lines) == 9 and all("modelwatch-demo-client" in line for line in lines)


SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()


def notification(**incident):
    return {"schema": "modelwatch.notification/1", "id": "n-1", "type": "incident.opened",
            "incident": {"id": 17, "severity": "critical", "title": "demo is down", **incident},
            "alerts": [{"rule": "ServiceDown", "summary": "demo is down: killed",
                        "evidence": [{"name": "exit", "text": "SIGKILL\x1b[31m"}]}]}


def signed(body, identity="n-1", when=None, key=bytes(range(32))):
    stamp = str(int(time.time() if when is None else when))
    digest = hmac.digest(key, f"{identity}.{stamp}.".encode() + body, hashlib.sha256)
    return {"webhook-id": identity, "webhook-timestamp": stamp,
            "webhook-signature": "v1,AAAA v1," + base64.b64encode(digest).decode()}


def test_receiver_prints_and_answers(tmp_path):
    (tmp_path / "secret").write_text(SECRET + "\n")
    process, port = start("receiver.py", "--port", "0", "--secret-file", str(tmp_path / "secret"),
                          stdout=subprocess.PIPE)
    body = json.dumps(notification()).encode()
    cases = [(body, signed(body), 200), (body, signed(body), 200), (body + b" ", signed(body), 401),
             (b"[]", signed(b"[]"), 400)]
    for content, headers, expected in cases:
        request = urllib.request.Request(f"http://127.0.0.1:{port}/", content, headers)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                assert answer.status == expected
        except urllib.error.HTTPError as answer:
            with answer:
                assert answer.code == expected
    assert finish(process) == 0
    with process.stdout as output:
        lines = output.read().splitlines()
    assert re.fullmatch(r"\S+Z incident\.opened critical: demo is down", lines[0])
    assert lines[1:3] == ["  ServiceDown: demo is down: killed",
                          "    exit: SIGKILL\N{REPLACEMENT CHARACTER}[31m"]
    assert lines[3].endswith("demo is down (a repetition)")
    assert lines[6] == "refused: webhook-signature is not ours" and len(lines) == 7


@pytest.mark.parametrize("change, problem", [
    ({}, None),
    ({"webhook-id": ""}, "missing"),
    ({"webhook-id": "n-2"}, "not ours"),
    ({"webhook-timestamp": "soon"}, "missing"),
    ({"webhook-timestamp": "1699999699"}, "too far"),
    ({"webhook-timestamp": "1700000001"}, "not ours"),
    ({"webhook-signature": ""}, "not ours"),
    ({"webhook-signature": "v1"}, "not ours"),
    ({"webhook-signature": "v1,\xe9"}, "not ours"),
])
def test_signatures(change, problem):
    headers = {**signed(b"{}", when=1_700_000_000), **change}
    said = receiver.verify(bytes(range(32)), headers, b"{}", 1_700_000_000)
    assert said is None if problem is None else problem in said


def test_the_specifications_signature():
    """The example of the Standard Webhooks reference libraries."""
    headers = {"webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek", "webhook-timestamp": "1614265330",
               "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="}
    key = receiver.decode_secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    assert receiver.verify(key, headers, b'{"test": 2432232314}', 1_614_265_330) is None


@pytest.mark.parametrize("message", [
    {}, {"incident": 3}, {"incident": {"title": 5}}, {"alerts": {"a": 1}},
    {"alerts": [1, {"evidence": [2, {}], "description": ["x"]}]}, {"type": "x" * 10_000},
])
def test_receiver_describes_anything(message):
    when = receiver.datetime.datetime(2026, 1, 31, 10, tzinfo=receiver.datetime.timezone.utc)
    lines = receiver.describe(message, when, False)
    assert lines[0][0].startswith("2026-01-31T10:00:00.000Z ")
    assert all(len(text) < 3 * receiver.TEXT_MAX and "\n" not in text for text, _ in lines)


def test_log_lines_cannot_be_forged():
    line = accesslog.line("127.0.0.1", 0, 'GET /"\r\n\xe9 HTTP/1.1', 200, 5, None, "x\\")
    assert line == ('127.0.0.1 - - [01/Jan/1970:00:00:00 +0000] '
                    '"GET /\\x22\\x0D\\x0A\\xE9 HTTP/1.1" 200 5 "-" "x\\x5C"\n')


def test_neutral_fields_are_accepted():
    body = json.dumps({"model": "m", "prompt": "p", "n": 1, "top_p": 1, "best_of": 1, "stop": None,
                       "echo": False, "user": "u"}).encode()
    assert completions.parse(body, "m", 100)["max_tokens"] == completions.MAX_TOKENS_DEFAULT
