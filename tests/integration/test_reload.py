# SPDX-License-Identifier: Apache-2.0
"""Reloads: what they put in force, when, and what is said of one that was refused."""
import concurrent.futures
import http.client
import json
import os
import re
import signal
import socket
import threading

import pytest
from harness import places
from harness.receiver import Reply
from harness.wait import DEADLINE, eventually


def _hold_back(site, role):
    """Whatever starts of that role from now on waits until the file is there that is returned."""
    go = site.directory / "go"
    program = site.daemon.programs / f"modelwatch-{role}"
    program.rename(program.with_suffix(".held"))
    program.write_text(f"#!/bin/sh\nuntil [ -e {go} ]; do sleep 0.02; done\n"
                       f"exec {program.with_suffix('.held')}\n")
    program.chmod(0o755)
    return go


def _begin_reload(site):
    """Without waiting for the roles that it replaces."""
    before = site.daemon.log.count("configuration reloaded")
    site.configure()
    os.kill(site.daemon.pid, signal.SIGHUP)
    site.daemon.wait_log("configuration reloaded", count=before + 1)


def test_reloads_around_a_crash(site):
    """The one in force dies while its successor starts; the next reload replaces that, too."""
    server = site.service("llama")
    hook, other = site.webhook(), site.webhook("other")
    del site.sections["webhook", "other"]
    site.daemon.programs = places.copy_programs(site.directory)
    site.start()
    site.wait_service("llama")
    go = _hold_back(site, "notify")
    site.section("webhook", "oncall", url=other.url)
    _begin_reload(site)
    site.daemon.kill("notify")
    site.daemon.wait_log(r"role notify \(pid \d+\) was killed")
    site.section("webhook", "oncall", url=hook.url)
    _begin_reload(site)
    go.touch()
    server.kill()
    hook.wait("incident.opened")
    assert other.posts == []


def test_a_crash_while_nobody_watches(site):
    """What the kernel told until then waits for the next collector: the reason is not lost."""
    server = site.service("llama")
    hook = site.webhook()
    site.daemon.programs = places.copy_programs(site.directory)
    site.start()
    site.wait_service("llama")
    go = _hold_back(site, "process")
    site.section("service", "more", executable="/no/such/program", expected="no")
    _begin_reload(site)
    site.daemon.kill("process")
    site.daemon.wait_log(r"role process \(pid \d+\) was killed")
    server.kill()
    go.touch()
    post, = hook.wait("incident.opened", service="llama")
    assert "SIGKILL" in post.json["incident"]["title"]
    server.start()
    eventually(lambda: site.service_state("llama")["restarts"] == 1, "a restart")


def _doctor(site, subject):
    """What doctor says of it."""
    return [c for c in site.unix.json("/v1/doctor")["checks"] if c["subject"] == subject]


class Together(Reply):
    """Answers when so many requests are there."""

    def __init__(self, status, count):
        super().__init__(status)
        self._barrier = threading.Barrier(count)

    def answer(self, connection, stopping):
        self._barrier.wait(DEADLINE)
        return super().answer(connection, stopping)


def _disable(site, hook):
    """Several answers 410 at once; another incident waits then."""
    hook.always(Together(410, len(site.servers) - 1))
    for server in list(site.servers.values())[:-1]:
        server.kill()
    hook.wait_posts(len(site.servers) - 1)
    check, = eventually(lambda: _doctor(site, "webhook oncall"), "410")
    assert check["state"] == "disabled"
    hook.always(Reply(200))
    list(site.servers.values())[-1].kill()
    site.wait_incident(list(site.servers)[-1])


CHANGES = {
    "nothing": lambda site, hook: None,
    "another-webhook": lambda site, hook: site.webhook("other"),
    "its-header": lambda site, hook: site.section("webhook", "oncall", header="X-Team: ml"),
    "its-url": lambda site, hook: setattr(hook, "path", "/new") or site.section(
        "webhook", "oncall", url=hook.url),
    "a-rule": lambda site, hook: site.section("daemon", reopen="3min"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_disabled_until_any_reload(site, change):
    for name in ("one", "two", "three", "last"):
        site.service(name)
    hook = site.webhook()
    site.start()
    for name in site.servers:
        site.wait_service(name)
    _disable(site, hook)
    told = len(hook.posts)
    CHANGES[change](site, hook)
    site.reload()
    # All that nobody took: what met the 410 as well.
    for name in site.servers:
        hook.wait("incident.opened", service=name)
    assert len(hook.posts) == told + len(site.servers)
    eventually(lambda: not _doctor(site, "webhook oncall"), "nothing wrong with it")
    assert site.daemon.log.count("webhook oncall answered 410") == 1


def test_a_new_webhook_waits_for_the_role_that_knows_it(site):
    """No try is lost on the one before, and no other webhook waits for it."""
    site.service("llama")
    hook = site.webhook()
    site.daemon.programs = places.copy_programs(site.directory)
    site.start()
    site.wait_service("llama")
    go = _hold_back(site, "notify")
    late = site.webhook("late")
    _begin_reload(site)
    site.servers["llama"].kill()
    hook.wait("incident.opened")
    go.touch()
    late.wait("incident.opened")
    told, = eventually(lambda: [n for n in site.incident(site.incidents()[0]["id"])["notifications"]
                                if n["webhook"] == "late" and n["state"] == "delivered"], "delivery")
    assert told["attempts"] == 1


def test_a_changed_webhook_waits_for_the_role_that_knows_it(site):
    """Nothing is told to the receiver that it had before, and no other webhook waits for it."""
    server = site.service("llama")
    old, new, other = site.webhook(), site.webhook("new"), site.webhook("other")
    del site.sections["webhook", "new"]
    site.daemon.programs = places.copy_programs(site.directory)
    site.start()
    site.wait_service("llama")
    go = _hold_back(site, "notify")
    site.section("webhook", "oncall", url=new.url)
    _begin_reload(site)
    server.kill()
    other.wait("incident.opened")
    go.touch()
    new.wait("incident.opened")
    assert old.posts == []


@pytest.mark.parametrize("comes", [True, False], ids=["comes", "fails"])
def test_the_engine_dies_while_notify_is_replaced(site, comes):
    """The next engine speaks to the one before only if no other one comes."""
    server = site.service("llama")
    old, new = site.webhook(), site.webhook("new")
    del site.sections["webhook", "new"]
    site.daemon.programs = places.copy_programs(site.directory)
    site.start()
    site.wait_service("llama")
    go = _hold_back(site, "notify")
    site.section("webhook", "oncall", url=new.url)
    _begin_reload(site)
    site.daemon.kill("engine")
    site.daemon.wait_log("role engine is ready", count=2)
    server.kill()
    site.wait_incident("llama")
    if not comes:
        (site.daemon.programs / "modelwatch-notify.held").unlink()
    go.touch()
    (new if comes else old).wait("incident.opened")
    assert (old if comes else new).posts == []


class Late(Reply):
    """Answers when it is released."""

    def __init__(self, status=200):
        super().__init__(status)
        self.release = threading.Event()

    def answer(self, connection, stopping):
        self.release.wait(DEADLINE)
        return super().answer(connection, stopping)


def test_what_is_under_way_is_posted_once(site):
    """A reload that replaces who posts it waits for the receiver, and takes its answer."""
    site.service("llama")
    hook = site.webhook()
    site.start()
    site.wait_service("llama")
    late = Late()
    hook.always(late)
    site.servers["llama"].kill()
    hook.wait_posts(1)
    site.webhook("other")
    site.reload()
    late.release.set()
    hook.wait("incident.opened")
    told, = eventually(lambda: [n for n in site.incident(site.incidents()[0]["id"])["notifications"]
                                if n["state"] == "delivered"], "its delivery")
    assert (len(hook.posts), told["attempts"]) == (1, 1)


def test_a_late_410_is_of_the_receiver_before(site):
    """What was posted before a reload is answered so after it: the receiver in force is asked."""
    site.service("llama")
    hook = site.webhook()
    site.start()
    site.wait_service("llama")
    late = Late(410)
    hook.script(late)
    site.servers["llama"].kill()
    hook.wait_posts(1)
    site.section("webhook", "oncall", header="X-Team: ml")
    site.reload()
    late.release.set()
    hook.wait("incident.opened")
    assert not _doctor(site, "webhook oncall")


def test_who_waits_for_the_engine_is_answered(site):
    """A reload that replaces `web` does not wait for ever, and closes nothing without a word."""
    hook = site.webhook()
    site.start()
    late = Late()
    hook.always(late)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        asked = pool.submit(lambda: site.unix.post("/v1/webhooks/oncall/test", {}))
        hook.wait_posts(1)
        site.section("page", allowed_host="gpu7.example.net")
        site.reload()
        answer = asked.result(DEADLINE)
        late.release.set()
    assert answer.status == 504 and "may still take effect" in answer.text


def _refused(site):
    """What doctor says of the configuration that was refused: since when, and why."""
    check, = eventually(lambda: _doctor(site, "configuration"), "a refused configuration")
    assert check["state"] == "failing" and "check-config" in check["remedy"]
    return re.fullmatch(r"Refused since (\S+Z), the one before it stays in force: (.*)",
                        check["text"]).groups()


def test_doctor_knows_of_a_refused_reload(site):
    site.start()
    assert not _doctor(site, "configuration")
    site.section("daemon", interval="soon", evaluate="later")
    site.reload()
    since, why = _refused(site)
    assert re.match(rf"{re.escape(str(site.config))}:2: .*interval.*soon", why)
    assert why in site.cli("doctor").stdout
    status = site.status()
    assert status["status"] == "warning" and status["configuration"].endswith(why)
    assert why in site.cli("status").stdout
    assert site.daemon.notify.values("STATUS")[-1] == f"Watching. The configuration on disk is refused: {why}"
    assert "the configuration on disk is refused" in (page := site.tcp.get("/").text)
    assert re.search(rf'Refused since <time class="whole" datetime="{since}">[^<]+</time>'
                     r' \([^()]+ ago\)', page)
    site.section("daemon", interval="1s")
    site.reload()
    eventually(lambda: "evaluate" in _refused(site)[1], "the error that is left")
    assert _refused(site)[0] == since
    site.daemon.kill("engine")
    eventually(lambda: site.role_states()["engine"]["restarts"] == 1, "another engine")
    assert _refused(site)[0] == since
    site.section("daemon", evaluate="1s")
    site.reload()
    eventually(lambda: not _doctor(site, "configuration"), "nothing wrong with it")
    assert site.status()["configuration"] is None
    assert site.daemon.notify.values("STATUS")[-1] == "Watching."


def test_doctor_knows_of_an_address_in_use(site):
    site.start()
    with socket.create_server(("127.0.0.1", places.free_port())) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        site.section("page", listen=address)
        site.reload()
        assert f"cannot listen on {address}" in _refused(site)[1]
    site.reload()
    eventually(lambda: not _doctor(site, "configuration"), "nothing wrong with it")


class _Clients:
    """Many that ask all the time, each request on a connection of its own, until they are stopped."""

    def __init__(self, count, expected, ask):
        self.failures, self.answers = [], 0
        self._expected = expected
        self._request = ask
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._ask) for _ in range(count)]
        for thread in self._threads:
            thread.start()

    def _ask(self):
        while not self._stopping.is_set():
            try:
                got = self._request()
                failure = None if got.status == self._expected else (got.status, got.text)
            except (OSError, http.client.HTTPException) as e:
                failure = repr(e)
            with self._lock:
                self.answers += 1
                if failure:
                    self.failures.append(failure)

    def stop(self):
        self._stopping.set()
        for thread in self._threads:
            thread.join()


def test_reloads_drop_no_request(site):
    """Whoever comes while the role that answers is replaced is answered by it or by its successor."""
    site.start()
    clients = [_Clients(2, 200, lambda: site.unix.get("/v1/status")),
               _Clients(2, 200, lambda: site.tcp.get("/v1/status")),
               _Clients(2, 404, lambda: site.unix.post("/v1/incidents/999/ack", {}))]
    try:
        for number in range(40):
            site.section("service", f"more{number}", executable="/no/such/program", expected="no")
            before = site.daemon.log.count("configuration reloaded")
            site.configure()
            os.kill(site.daemon.pid, signal.SIGHUP)
            site.daemon.wait_log("configuration reloaded", count=before + 1)
            # Every second one comes before the successor can be ready.
            if number % 2:
                eventually(lambda n=number: f"more{n}" in site.unix.get("/v1/status").text,
                           "the successor")
        eventually(lambda: all(c.answers >= 100 for c in clients), "hundreds of answers")
    finally:
        for c in clients:
            c.stop()
    assert [c.failures for c in clients] == [[], [], []]


def test_a_reload_ends_connections_between_requests_alone(site):
    """One that is idle is closed; one whose first request is on its way is answered before."""
    site.start()
    idle, new = site.tcp.connect(), site.tcp.connect()
    idle.request("GET", "/v1/status")
    assert idle.getresponse().read()
    new.sock.sendall(b"GET /v1/status HTTP/1.1\r\n")
    new.sock.sendall(b"Host: localhost\r\n")
    eventually(lambda: site.tcp.get("/v1/status").status == 200, "the first part is read")
    site.section("service", "more", executable="/no/such/program", expected="no")
    _begin_reload(site)
    assert idle.sock.recv(1) == b""
    new.sock.sendall(b"\r\n")
    response = http.client.HTTPResponse(new.sock)
    response.begin()
    assert response.status == 200 and response.getheader("Connection").lower() == "close"
    assert json.loads(response.read())
    assert new.sock.recv(1) == b""
    for connection in (idle, new):
        connection.close()
