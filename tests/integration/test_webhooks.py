# SPDX-License-Identifier: Apache-2.0
"""Receivers as they are: everything gets there in the end, in order, or one can see why not."""
import email.utils
import os
import re
import socket
import subprocess
import threading
import time

import pytest
from harness.receiver import CloseEarly, Drip, Hang, Reply
from harness.wait import eventually


@pytest.fixture
def watched(site):
    """A site with one service and one receiver."""
    site.service("llama")
    site.hook = site.webhook(timeout="500ms")
    return site


def _open_and_resolve(site):
    """The service dies and comes back, both seen; does not wait for notifications."""
    site.start()
    site.wait_service("llama")
    site.servers["llama"].kill()
    number = site.wait_incident("llama")["id"]
    site.servers["llama"].start()
    site.wait_incident("llama", "resolved")
    return number


def _in_order(hook):
    """What was delivered: types in order, nothing under two ids."""
    delivered = hook.delivered()
    assert len({(p.type, p.json["time"]) for p in delivered}) == len(delivered)
    return [p.type for p in delivered]


BEHAVIOURS = {
    "500": lambda: [Reply(500)] * 3,
    "503-408-425": lambda: [Reply(503), Reply(408), Reply(425)],
    "hang": lambda: [Hang(), Hang()],
    "close": lambda: [CloseEarly(), CloseEarly(before_body=True), CloseEarly()],
    "slow": lambda: [Drip(500), Drip(200)],
    "mixed": lambda: [Reply(500), CloseEarly(), Hang(), Drip(503)],
    "big-answer": lambda: [Reply(500, body=b"x" * 3_000_000)],
    "retry-after": lambda: [Reply(429, Retry_After="1"), Reply(503, Retry_After="0")],
    "retry-after-date": lambda: [Reply(429, Retry_After=email.utils.formatdate(
        time.time() + 1, usegmt=True))],
    "retry-after-nonsense": lambda: [Reply(429, Retry_After="soon"),
                                     Reply(503, Retry_After="-99999999999999999999")],
}


@pytest.mark.parametrize("kind", BEHAVIOURS)
def test_everything_arrives_in_order(watched, kind):
    script = BEHAVIOURS[kind]()
    failing = sum(1 for b in script if getattr(b, "status", 0) != 200)
    watched.hook.script(*script)
    number = _open_and_resolve(watched)
    watched.hook.wait("incident.resolved")
    assert _in_order(watched.hook) == ["incident.opened", "incident.resolved"]
    posts = watched.hook.posts
    whole = [p for p in posts if p.type == "incident.opened"]
    assert len({p.id for p in whole}) == 1 and len({p.body for p in whole}) == 1
    notifications = eventually(lambda: [n for n in watched.incident(number)["notifications"]
                                        if n["state"] == "delivered"][1:2] and
                               watched.incident(number)["notifications"], "both delivered")
    # Where a kept connection is closed, the HTTP client itself may send once more; and on a machine with much to
    # do an answer may come too late that the script gives at once.
    closed = sum(isinstance(b, CloseEarly) for b in script)
    assert failing + 1 - closed <= notifications[0]["attempts"] <= max(failing + 1, len(whole))
    assert [n["state"] for n in notifications] == ["delivered", "delivered"]


def test_down_for_a_while(watched):
    watched.hook.down()
    number = _open_and_resolve(watched)
    eventually(lambda: watched.incident(number)["notifications"][0]["attempts"] >= 2, "two tries")
    pending = watched.incident(number)["notifications"]
    assert [n["state"] for n in pending] == ["pending", "pending"] and pending[0]["last_error"]
    assert pending[1]["attempts"] == 0
    watched.hook.up()
    watched.hook.wait("incident.resolved")
    assert _in_order(watched.hook) == ["incident.opened", "incident.resolved"]


def test_down_over_a_restart(watched):
    """What waits in the outbox outlives the daemon, under the same id."""
    watched.hook.script(Reply(500))
    watched.start()
    watched.wait_service("llama")
    watched.servers["llama"].kill()
    first = watched.hook.wait_posts(1)[0]
    watched.hook.down()
    watched.daemon.kill_all()
    watched.daemon.start()
    watched.hook.up()
    post, = watched.hook.wait("incident.opened")
    assert post.id == first.id and post.body == first.body


def _doctor(site, subject):
    """What doctor says of it."""
    return [c for c in site.unix.json("/v1/doctor")["checks"] if c["subject"] == subject]


def test_doctor_knows_what_fails(watched):
    watched.hook.script(Reply(302, Location="http://elsewhere.example/"))
    watched.start()
    watched.wait_service("llama")
    watched.servers["llama"].kill()
    check, = eventually(lambda: _doctor(watched, "webhook oncall"), "a failing webhook")
    assert check["state"] == "failing" and "302" in check["text"] and check["remedy"]
    # People are shown a time of their zone.
    assert check["text"].partition("Z: ")[2] in watched.cli("doctor").stdout
    assert watched.cli("test-webhook", "oncall").returncode == 0
    eventually(lambda: not _doctor(watched, "webhook oncall"), "it works again")


def test_a_webhook_that_takes_nothing_is_told_of(watched):
    """Before anything is given up, and also when the incident is over."""
    watched.hook.down()
    _open_and_resolve(watched)
    check, = eventually(lambda: _doctor(watched, "webhook oncall"), "a failing webhook")
    assert check["state"] == "failing" and "Connection refused" in check["text"]
    status = watched.status()
    assert status["status"] == "warning"
    told, = status["webhooks"]
    assert told["name"] == "oncall" and "Connection refused" in told["text"]
    assert "Connection refused" in watched.unix.get("/").text
    answer = watched.cli("status")
    assert answer.returncode == 1 and "Connection refused" in answer.stdout
    watched.reload()
    assert _doctor(watched, "webhook oncall")
    watched.hook.up()
    watched.hook.wait("incident.resolved")
    eventually(lambda: watched.status()["status"] == "ok", "all is well")
    assert _doctor(watched, "webhook oncall") == [] == watched.status()["webhooks"]


def test_a_webhook_that_was_corrected_is_tried_at_once(watched):
    watched.section("webhook", "oncall", url="http://nobody.invalid/")
    _open_and_resolve(watched)
    eventually(lambda: _doctor(watched, "webhook oncall"), "a failing webhook")
    watched.section("webhook", "oncall", url=watched.hook.url)
    watched.reload()
    watched.hook.wait("incident.resolved")
    eventually(lambda: not _doctor(watched, "webhook oncall"), "it works again")


def _fail_once(site):
    """The first notification fails for good; a second opening has both of its own delivered."""
    site.start()
    site.wait_service("llama")
    site.servers["llama"].kill()
    number = site.wait_incident("llama")["id"]
    failed = eventually(lambda: (n := site.incident(number)["notifications"][0])["state"] == "failed"
                        and n, "a failure for good")
    site.servers["llama"].start()
    site.wait_incident("llama", "resolved")
    site.servers["llama"].kill()
    site.hook.wait("incident.opened")
    site.servers["llama"].start()
    site.hook.wait("incident.resolved")
    # Who was not told of the first is not told of its end.
    assert _in_order(site.hook) == ["incident.opened", "incident.resolved"]
    return number, failed


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirect_is_a_failure_and_not_followed(watched, status):
    elsewhere = watched.webhook("elsewhere", secret=None)
    del watched.sections["webhook", "elsewhere"]
    watched.hook.script(Reply(status, Location=elsewhere.url))
    number, failed = _fail_once(watched)
    assert (failed["state"], failed["attempts"]) == ("failed", 1)
    assert str(status) in failed["last_error"]
    assert elsewhere.posts == []
    assert str(status) in watched.tcp.get(f"/incidents/{number}").text


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_other_4xx_are_failures(watched, status):
    watched.hook.script(Reply(status))
    _, failed = _fail_once(watched)
    assert (failed["state"], failed["attempts"]) == ("failed", 1)


def test_410_disables_until_reload(watched):
    watched.hook.script(Reply(410))
    number = _open_and_resolve(watched)
    eventually(lambda: watched.incident(number)["notifications"][0]["attempts"] == 1, "410")
    waiting = watched.incident(number)["notifications"][0]
    assert waiting["state"] == "pending" and "410" in waiting["last_error"]
    check, = _doctor(watched, "webhook oncall")
    assert check["state"] == "disabled" and "410" in check["text"] and "reload" in check["remedy"]
    assert "disabled</span>" in watched.tcp.get("/about").text
    since, = re.findall(r"at (\S+Z)", check["text"])
    assert since >= watched.incident(number)["opened_at"]
    beside = watched.webhook("beside")
    watched.reload()
    watched.servers["llama"].kill()
    watched.hook.wait("incident.opened")
    beside.wait("incident.opened")
    eventually(lambda: [n["state"] for n in watched.incident(number)["notifications"]
                        if n["webhook"] == "oncall"][0] == "delivered", "what met the 410")
    eventually(lambda: not _doctor(watched, "webhook oncall"), "nothing wrong with it")


def test_retry_after_holds_the_next_back(watched):
    """Order, not timing: what comes after waits behind what was told to wait."""
    watched.hook.script(Reply(429, Retry_After="2"))
    number = _open_and_resolve(watched)
    waiting = watched.incident(number)["notifications"]
    assert len(watched.hook.posts) == 1, "nothing overtakes"
    assert [n["state"] for n in waiting] == ["pending", "pending"]
    watched.hook.wait("incident.resolved")
    first, second = [p for p in watched.hook.posts if p.type == "incident.opened"]
    assert second.monotonic_ns - first.monotonic_ns >= 1.5e9, "Retry-After was not obeyed"


def test_hung_webhook_blocks_no_other(site):
    """Two incidents at a receiver that hangs; the other receiver has both at once."""
    servers = [site.service(name) for name in ("first", "second")]
    hung = site.webhook("hung", timeout="300s")
    hung.always(Hang())
    other = site.webhook("other")
    site.start()
    for server in servers:
        site.wait_service(server.path.name)
        server.kill()
    other.wait("incident.opened", count=2)
    assert not hung.delivered()
    hung.wait_posts(1)


def test_many_incidents_at_a_slow_webhook(site):
    names = [f"s{n}" for n in range(12)]
    servers = [site.service(name) for name in names]
    hook = site.webhook()
    hook.always(Drip(200))
    site.start()
    for name in names:
        site.wait_service(name)
    threads = [threading.Thread(target=server.kill) for server in servers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    posts = hook.wait("incident.opened", count=len(names))
    assert {p.service for p in posts} == set(names)


@pytest.mark.parametrize("given", ["https://gpu7.example.net/mw", "https://gpu7.example.net/mw/"])
def test_link_of_a_notification(watched, given):
    watched.section("page", external_url=given)
    watched.start()
    watched.wait_service("llama")
    watched.servers["llama"].kill()
    post, = watched.hook.wait("incident.opened")
    incident = post.json["incident"]
    assert incident["url"] == f"https://gpu7.example.net/mw/incidents/{incident['id']}"
    assert watched.incident(incident["id"])["url"] == incident["url"]


def test_test_webhook(watched):
    watched.start()
    answer = watched.cli("test-webhook", "oncall")
    assert answer.returncode == 0 and "200" in answer.stdout, answer.stderr
    post, = watched.hook.wait("test")
    assert post.json["host"]["name"]
    watched.hook.script(Reply(403, body=b"no such channel"))
    answer = watched.cli("test-webhook", "oncall")
    assert answer.returncode == 1 and "403" in answer.stdout + answer.stderr
    assert watched.cli("test-webhook", "nobody").returncode == 1
    answer = watched.unix.post("/v1/webhooks/oncall/test", {})
    assert answer.status == 200
    assert watched.tcp.post("/v1/webhooks/oncall/test", {}).status in (401, 403)


def test_test_webhook_of_one_that_is_down(watched):
    watched.start()
    watched.hook.down()
    answer = watched.cli("test-webhook", "oncall")
    assert answer.returncode == 1 and answer.stdout + answer.stderr


def test_webhook_of_a_type_that_is_not_built_in(watched):
    """Nobody is made believe that it is told of anything."""
    watched.section("webhook", "oncall", type="slack")
    watched.start()
    answer = watched.unix.post("/v1/webhooks/oncall/test", {})
    assert answer.status == 409 and "slack" in answer.json["error"]
    answer = watched.cli("test-webhook", "oncall")
    assert answer.returncode == 1 and "slack" in answer.stderr
    check, = _doctor(watched, "webhook oncall")
    assert check["state"] == "disabled" and "slack" in check["text"]
    assert watched.hook.posts == []
    watched.section("webhook", "oncall", type="webhook")
    watched.reload()
    eventually(lambda: not _doctor(watched, "webhook oncall"), "nothing wrong with it")
    assert watched.cli("test-webhook", "oncall").returncode == 0


@pytest.mark.parametrize("secret", [
    None, "raw bytes with spaces", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "ключ"])
def test_signatures(watched, secret):
    """The receiver checks each signature itself; a fault fails the test at its end."""
    watched.hook.secret = secret
    watched.section("webhook", "oncall",
                    secret=watched.secret("another", secret) if secret else None)
    _open_and_resolve(watched)
    watched.hook.wait("incident.resolved")
    assert all(p.headers["webhook-timestamp"].isdigit() for p in watched.hook.posts)


def test_headers_of_the_configuration(watched):
    watched.section("webhook", "oncall", header=["X-Team: ml", "X-Empty:"])
    _open_and_resolve(watched)
    post = watched.hook.wait("incident.resolved")[0]
    assert post.headers["x-team"] == "ml"


def test_no_secret_in_the_users_proxy(watched):
    """The environment's proxies are not ours."""
    watched.daemon.environment = {name: "http://127.0.0.1:9" for name in
                                  ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY")}
    _open_and_resolve(watched)
    watched.hook.wait("incident.resolved")


@pytest.fixture
def silent_resolver(site):
    """The daemon asks a name server that never answers."""
    if os.getuid() != 0:
        pytest.skip("mounts another resolv.conf")
    if subprocess.run(["unshare", "--mount", "true"], check=False, capture_output=True).returncode:
        pytest.skip("the root is no mount point here")
    address = f"127.53.{os.getpid() >> 8 & 255}.{os.getpid() & 255}"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        try:
            server.bind((address, 53))
        except OSError as error:
            pytest.skip(f"cannot be a name server here: {error}")
        resolver = site.directory / "resolv.conf"
        resolver.write_text(f"nameserver {address}\n")
        command = site.daemon.command
        mount = f'mount --bind {resolver} /etc/resolv.conf && exec "$@"'
        site.daemon.command = lambda *options: [
            "unshare", "--mount", "sh", "-c", mount, "sh", *command(*options)]
        yield site


def test_names_that_nobody_resolves(silent_resolver):
    """As many webhooks as are served at once, all but one with a name that hangs: each has a thread of
    the resolver, and memory is left for the one that works."""
    site = silent_resolver
    for number in range(63):
        site.section("webhook", f"dead{number}", timeout="1s",
                     url=f"http://host{number}.example.net/")
    site.service("llama")
    hook = site.webhook()
    site.start()
    site.wait_service("llama")
    site.servers["llama"].kill()
    notify = site.daemon.roles()["notify"]
    # The resolver goes on with a name after its delivery was given up, and is tried again.
    eventually(lambda: len(os.listdir(f"/proc/{notify}/task")) > 90, "threads for the names")
    hook.wait("incident.opened")
    site.servers["llama"].start()
    hook.wait("incident.resolved")
    assert site.daemon.roles()["notify"] == notify
