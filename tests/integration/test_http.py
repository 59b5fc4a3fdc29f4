# SPDX-License-Identifier: Apache-2.0
"""The web role as strangers see it."""
import concurrent.futures
import random
import re
import shutil
import socket
import subprocess
import urllib.parse

import pytest
from harness import places
from harness.client import Client
from harness.wait import DEADLINE, eventually

PAGES = ("/", "/incidents", "/services/llama", "/about")


@pytest.fixture
def watched(site):
    """A site with one service up."""
    site.service("llama")
    site.start()
    site.wait_service("llama")
    return site


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.2", "localhost.evil.example", "[::1]",
                                  "gpu7.example.net", ""])
def test_other_hosts_are_misdirected(watched, host):
    assert watched.tcp.get("/", Host=host).status in ((400, 421) if not host else (421,))
    assert watched.tcp.get("/v1/status", Host=host).status in ((400, 421) if not host else (421,))


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1", "127.0.0.1:9178",
                                  socket.gethostname()])
def test_own_hosts_are_served(watched, host):
    assert watched.tcp.get("/", Host=host).status == 200


def test_allowed_host_and_external_url(site):
    site.section("page", allowed_host="gpu7.example.net", external_url="https://page.example/mw")
    site.start()
    for host in ("gpu7.example.net", "page.example", "page.example:443"):
        assert site.tcp.get("/", Host=host).status == 200
    assert site.tcp.get("/", Host="other.example").status == 421


def test_any_host_over_the_unix_socket(watched):
    assert watched.unix.get("/", Host="anything.example").status == 200


def test_security_headers(watched):
    for path in (*PAGES, "/v1/status", "/no/such/page"):
        headers = watched.tcp.get(path).headers
        policy = {part.split()[0]: part.split()[1:]
                  for part in headers["content-security-policy"].split(";") if part.strip()}
        assert policy["default-src"] in (["'none'"], ["'self'"]), path
        sources = [source for values in policy.values() for source in values]
        assert not [s for s in sources if "unsafe" in s or "*" in s or "http" in s], path
        assert policy["frame-ancestors"] == ["'none'"] and "base-uri" in policy, path
        assert headers["x-content-type-options"] == "nosniff", path
        assert headers["referrer-policy"], path
        assert "access-control-allow-origin" not in headers, path


def test_pages_have_no_foreign_asset_and_no_inline_script(watched):
    for path in PAGES:
        answer = watched.tcp.get(path)
        if answer.status == 404:
            continue
        text = answer.text
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert text.lower().startswith("<!doctype html>") and "<html lang=" in text
        assert 'name="viewport"' in text
        assert not re.search(r"""(?:src|href)=["'](?:https?:)?//""", text)
        assert not re.search(r"<script(?![^>]*src=)", text) and " onclick=" not in text
        assert not re.search(r"\sstyle=", text)
        for asset in re.findall(r"""(?:src|href)=["'](/[^"'#?]*\.(?:css|js|svg|png))""", text):
            assert watched.tcp.get(asset).status == 200, asset


@pytest.mark.parametrize("method, path, status", [
    ("GET", "/nothing", 404), ("GET", "/v1/nothing", 404), ("GET", "/services/nobody", 404),
    ("GET", "/incidents/77", 404), ("GET", "/v1/incidents?state=odd", 400),
    ("GET", "/v1/incidents?state=open&state=all", 400), ("GET", "/incidents?state=&state=", 400),
    ("POST", "/v1/status", 405), ("DELETE", "/", 405), ("PUT", "/v1/incidents", 405),
    ("GET", "/v1/incidents/1/acknowledge", 405), ("POST", "/v1/webhooks/none/test", 404),
    ("GET", "/../../etc/passwd", 404), ("GET", "/%2e%2e/%2e%2e/etc/passwd", 404),
    ("GET", "//v1/status", 404),
])
def test_errors_have_one_shape(watched, method, path, status):
    answer = watched.unix.request(method, path, {} if method in ("POST", "PUT") else None)
    assert answer.status == status
    if path.startswith("/v1/"):
        assert answer.headers["content-type"].startswith("application/json")
        assert isinstance(answer.json["error"], str) and answer.json["error"]
    if status == 405:
        assert answer.headers["allow"]
    assert "root:" not in answer.text


@pytest.mark.parametrize("headers, status", [
    ({}, 404), ({"Origin": "http://localhost"}, 404), ({"Sec-Fetch-Site": "same-origin"}, 404),
    ({"Origin": "https://evil.example"}, 403), ({"Origin": "null"}, 403),
    ({"Sec-Fetch-Site": "cross-site"}, 403), ({"Sec-Fetch-Site": "same-site"}, 403),
    # Programs, which name no page, need not say what the body is; browsers do.
    ({"Content-Type": "text/plain"}, 404), ({"Content-Type": None}, 404),
    ({"Content-Type": "application/x-www-form-urlencoded"}, 404),
    ({"Origin": "http://localhost", "Content-Type": "text/plain"}, 400),
    ({"Origin": "http://localhost", "Content-Type": None}, 400),
    ({"Sec-Fetch-Site": "same-origin", "Content-Type": "application/x-www-form-urlencoded"}, 400),
    ({"Sec-Fetch-Site": "cross-site", "Content-Type": None}, 403),
])
def test_changes_of_foreign_pages(watched, headers, status):
    """A proxy in front of the unix socket lets browsers through: no page but ours changes anything."""
    answer = watched.unix.request("POST", "/v1/incidents/99/note", b'{"comment":"x"}',
                                  {name: value for name, value in {
                                      "Host": "localhost", "Content-Type": "application/json",
                                      **headers}.items() if value})
    assert answer.status == status and answer.json["error"]


@pytest.mark.parametrize("path", ["/", "/services/llama", "/incidents", "/alerts", "/about",
                                  "/assets/style.css", "/healthz", "/metrics", "/v1/status",
                                  "/v1/incidents", "/v1/discover", "/v1/doctor", "/nothing"])
def test_head_of_everything(watched, path):
    got, head = watched.unix.get(path), watched.unix.request("HEAD", path)
    assert head.status == got.status and head.body == b""
    for name in ("content-type", "cache-control", "content-security-policy"):
        assert head.headers[name] == got.headers[name]


def test_head(watched):
    got, head = watched.tcp.get("/v1/status"), watched.tcp.request("HEAD", "/v1/status")
    assert head.status == 200 and head.body == b""
    assert head.headers["content-type"] == got.headers["content-type"]


@pytest.mark.parametrize("path", ["/metrics?format=prometheus", "/healthz?_=1767225600", "/?x",
                                  "/v1/status?x=1"])
def test_decorated_targets(watched, path):
    """Probes, scrapers and proxies add parameters of their own."""
    assert watched.tcp.get(path).status in ((200, 503) if "healthz" in path else (200,))


def test_listens_where_it_is_told(site):
    port, path = places.free_port(), site.directory / "own.sock"
    site.section("page", listen=[f"127.0.0.1:{site.port}", f"127.0.0.1:{port}", f"unix:{path}"])
    site.start()
    for address in (("127.0.0.1", site.port), ("127.0.0.1", port), path, site.socket):
        assert Client(address).get("/healthz").status in (200, 503)


def test_listening_for_the_world_needs_a_password(site):
    site.section("page", listen=f"0.0.0.0:{site.port}")
    site.configure()
    result = site.run("--check-config")
    assert result.returncode == 78 and "password" in result.stderr


# Metrics.

OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


def _metrics(site, accept):
    return site.tcp.get("/metrics", Accept=accept)


def test_metrics_text(watched):
    answer = _metrics(watched, "*/*")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    checked = subprocess.run(["promtool", "check", "metrics"], input=answer.body,
                             capture_output=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert 'modelwatch_service_up{service="llama"} 1' in answer.text


def test_metrics_of_odd_names(site):
    """The longest name, without an ASCII letter."""
    name = "\u6a21" * 42 + "\u00fc"
    assert len(name.encode()) == 128
    site.service(name, executable=site.service("plain").path)
    site.start()
    site.wait_service("plain")
    for accept in ("*/*", "application/openmetrics-text"):
        answer = _metrics(site, accept)
        assert f'modelwatch_service_up{{service="{name}"}}' in answer.text
    answer = _metrics(site, "*/*")
    checked = subprocess.run(["promtool", "check", "metrics"], input=answer.body,
                             capture_output=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert site.tcp.get("/services/" + urllib.parse.quote(name)).status == 200


def test_metrics_openmetrics(watched):
    answer = _metrics(watched, "application/openmetrics-text; version=1.0.0, text/plain;q=0.5")
    assert answer.headers["content-type"] == OPENMETRICS
    assert answer.text.endswith("# EOF\n")
    names = re.findall(r"^# TYPE (\S+) counter$", answer.text, re.M)
    assert names and not [name for name in names if name.endswith("_total")]
    for name in names:
        assert re.search(rf"^{name}_total[ {{]", answer.text, re.M), name


def test_metrics_are_what_the_catalogue_says(watched):
    wanted = {"modelwatch_role_up", "modelwatch_role_resident_bytes", "modelwatch_samples_total",
              "modelwatch_role_restarts_total", "modelwatch_store_bytes",
              "modelwatch_collector_last_success_timestamp_seconds"}

    def complete():
        text = _metrics(watched, "*/*").text
        used = set(re.findall(r"^([a-z_]\w*)[ {]", text, re.M))
        return (text, used) if used >= wanted else None
    text, used = eventually(complete, f"all of {wanted}")
    helped = set(re.findall(r"^# HELP (\S+) \S", text, re.M))
    typed = set(re.findall(r"^# TYPE (\S+) (?:gauge|counter)$", text, re.M))
    assert used == typed == helped


def test_prometheus_scrapes_it(watched):
    """The real one, in the format that it asks for."""
    if not shutil.which("prometheus"):
        pytest.skip("no prometheus here")
    port = places.free_port()
    configuration = watched.directory / "prometheus.yml"
    configuration.write_text(f"""
global: {{scrape_interval: 200ms, scrape_timeout: 200ms}}
scrape_configs:
- job_name: modelwatch
  static_configs: [{{targets: ['127.0.0.1:{watched.port}']}}]
""")
    with subprocess.Popen(
            ["prometheus", f"--config.file={configuration}",
             f"--web.listen-address=127.0.0.1:{port}",
             f"--storage.tsdb.path={watched.directory}/tsdb"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as prometheus:
        try:
            client = Client(("127.0.0.1", port))
            answer = eventually(lambda: client.json(
                '/api/v1/query?query=modelwatch_service_up%7Bservice=%22llama%22%7D')
                ["data"]["result"], "the series in Prometheus")
            assert answer[0]["value"][1] == "1"
            target = client.json("/api/v1/targets")["data"]["activeTargets"][0]
            assert target["health"] == "up" and target["lastError"] == ""
        finally:
            prometheus.kill()


# Malformed requests.

def _requests():
    """Well-formed requests to start from."""
    return [
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /v1/incidents?state=open HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n",
        b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n"
        b"Accept: application/openmetrics-text;version=1.0.0\r\n\r\n",
        b"GET /services/llama HTTP/1.1\r\nHost: localhost\r\nCookie: session=abcdef\r\n\r\n",
        b"POST /v1/incidents/1/note HTTP/1.1\r\nHost: localhost\r\n"
        b"Content-Type: application/json\r\nContent-Length: 15\r\n\r\n{\"comment\":\"x\"}",
        b"POST /v1/incidents/1/acknowledge HTTP/1.1\r\nHost: localhost\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        b"POST /v1/webhooks/oncall/test HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}",
    ]


ODD = [b"\0", b"\r", b"\n", b"\r\n\r\n", b"%00", b"%", b"%zz", b"..", b"\xff\xfe", b"{{", b"}}",
       b"A" * 9000, b"-1", b"99999999999999999999", b"'", b'"', b"<", b";", b":", b" ", b"[" * 300,
       b'{"comment":', b"\\ud800", b"HTTP/9.9", b"Content-Length: 5\r\n", b"Host: a\r\n"]


def _mutant(rng):
    data = bytearray(rng.choice(_requests()))
    for _ in range(rng.randint(1, 6)):
        at = rng.randrange(len(data) + 1)
        kind = rng.randrange(5)
        if kind == 0:
            data[at:at + rng.randint(0, 12)] = b""
        elif kind == 1:
            data[at:at] = rng.choice(ODD)
        elif kind == 2 and at < len(data):
            data[at] = rng.randrange(256)
        elif kind == 3:
            other = rng.choice(_requests())
            data[at:] = other[rng.randrange(len(other)):]
        else:
            data[at:at + len(ODD[0])] = rng.choice(ODD)
    return bytes(data)


_POST = b"POST /v1/incidents/1/note HTTP/1.1\r\nHost: localhost\r\n"
_GET = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"


@pytest.mark.parametrize("request_", [
    _GET + b"Host: localhost\r\n\r\n", _GET + b"Host: evil.example\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\n\r\n", _GET + b"Acce{t: a\r\n\r\n", _GET + b"X : a\r\n\r\n",
    _GET + b": a\r\n\r\n", _GET + b"X: a\r\n b\r\n\r\n", _GET + b"X: a\rY: b\r\n\r\n",
    _GET + b"X: a\0b\r\n\r\n", b"GET /healthz HTTP/1.1\nHost: localhost\n\n",
    b"GET /\0 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /\0x HTTP/1.1\r\nHost:localhost\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\nHost: localhost\0.evil.example\r\n\r\n",
    b"GET /a b HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET http://evil.example/healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
    _POST + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
    _POST + b"Content-Length: 2\r\nContent-Length: 9\r\n\r\n{}",
    _POST + b"Content-Length: 2, 2\r\n\r\n{}", _POST + b"Content-Length: +2\r\n\r\n{}",
    _POST + b"Content-Length : 2\r\n\r\n{}", _POST + b"Content-Length: 2\r\n 0\r\n\r\n{}",
    _POST + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    _POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    _POST + b"Transfer-Encoding: xchunked\r\nContent-Length: 2\r\n\r\n{}",
    _POST + b"Transfer-Encoding: chunked\r\n\r\n-2\r\n{}\r\n0\r\n\r\n",
])
def test_requests_of_two_meanings(watched, request_):
    """What a proxy before us could read differently is refused, and nothing behind it is read."""
    behind = b"GET /v1/status HTTP/1.1\r\nHost: localhost\r\n\r\n"
    for client in (watched.tcp, watched.unix):
        answer = client.raw(request_ + behind, patience=DEADLINE)
        assert answer.startswith(b"HTTP/1.1 400 "), answer[:300]
        assert b"200 OK" not in answer


@pytest.mark.parametrize("path, status", [
    ("/services/%00", 400), ("/services/%c0%af", 400), ("/services/\xc0\xaf", 400),
    ("/services/%ed%a0%80", 400), ("/%2e%2e/healthz", 404), ("/services/..%2fllama", 404),
])
def test_targets_of_two_meanings(watched, path, status):
    answer = watched.tcp.raw(b"GET " + path.encode("latin-1") +
                             b" HTTP/1.1\r\nHost: localhost\r\n\r\n", patience=DEADLINE)
    assert answer.startswith(b"HTTP/1.1 %d " % status)


def test_malformed_requests(watched):
    """1,200 of them, over TCP and the unix socket: an answer or a closed connection, never an end.
    With sanitizers in the build this is a memory test of the whole road."""
    seed = random.SystemRandom().randrange(2**32)
    print("seed", seed)
    rng = random.Random(seed)
    roles = watched.daemon.roles()

    def send(number, mutant):
        answer = (watched.unix if number % 2 else watched.tcp).raw(mutant)
        assert answer == b"" or answer.startswith(b"HTTP/1."), (mutant, answer[:100])
        return bool(answer)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answered = sum(pool.map(send, range(1200), [_mutant(rng) for _ in range(1200)]))
    assert answered > 600
    assert watched.daemon.roles() == roles
    assert watched.wait_service("llama") and watched.daemon.reports() == []


@pytest.mark.parametrize("body", [
    b'{"comment":"' + b"x" * 5_000_000 + b'"}', b"[" * 200_000, b'{"a":' * 50_000,
    b'{"comment":"' + b"\\u0000" * 10 + b'"}', b"\xff" * 1000, b"1e999999", b"-", b"nul",
    b'{"comment":"a","comment":"b"}',
], ids=["large", "deep-array", "deep-object", "nul", "not-utf8", "huge-number", "minus", "word",
        "twice"])
def test_malformed_bodies(watched, body):
    answer = watched.unix.request("POST", "/v1/incidents/1/note", body,
                                  {"Content-Type": "application/json"})
    assert 400 <= answer.status < 500 and answer.json["error"]
    assert watched.unix.get("/v1/status").status == 200


def test_slow_clients_do_not_block_others(watched):
    """Half a request on many connections, and one that is served all the same."""
    held = []
    try:
        for _ in range(20):
            s = socket.create_connection(("127.0.0.1", watched.port), DEADLINE)
            s.sendall(b"GET / HTTP/1.1\r\nHost: local")
            held.append(s)
        assert watched.unix.get("/v1/status").status == 200
    finally:
        for s in held:
            s.close()


def test_clients_that_hang_up(watched):
    for number in range(200):
        with socket.create_connection(("127.0.0.1", watched.port), DEADLINE) as s:
            s.sendall(b"GET /v1/status HTTP/1.1\r\nHost: localhost\r\n\r\n")
            if number % 2:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    assert watched.unix.get("/v1/status").status == 200
