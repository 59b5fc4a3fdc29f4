# SPDX-License-Identifier: Apache-2.0
"""What persons do to incidents, and which persons may."""
import os
import shutil

import pytest
from harness.places import BUILD
from harness.wait import eventually


@pytest.fixture
def incident(site):
    """An open incident that one webhook was told of."""
    server = site.service("llama")
    site.hook = site.webhook()
    site.start()
    site.wait_service("llama")
    server.kill()
    site.hook.wait("incident.opened")
    return site.wait_incident("llama")["id"]


def _user():
    return "root" if os.getuid() == 0 else os.environ.get("USER", "")


def test_acknowledge(site, incident):
    answer = site.cli("ack", str(incident), "-m", "I am on it")
    assert answer.returncode == 0, answer.stderr
    post, = site.hook.wait("incident.acknowledged")
    assert post.json["incident"]["acknowledged_by"] == _user()
    assert post.json["incident"]["acknowledged_at"] >= post.json["incident"]["opened_at"]
    shown = site.incident(incident)
    entry, = [t for t in shown["timeline"] if t["type"] == "acknowledged"]
    assert entry["actor"] == _user() and "I am on it" in entry["text"]
    assert "I am on it" in site.tcp.get(f"/incidents/{incident}").text


def test_acknowledge_twice_is_a_conflict(site, incident):
    assert site.unix.post(f"/v1/incidents/{incident}/acknowledge", {}).status == 200
    again = site.unix.post(f"/v1/incidents/{incident}/acknowledge", {"comment": "again"})
    assert again.status == 409
    assert again.json["error"] == f"incident {incident} is acknowledged already"
    assert site.cli("ack", str(incident)).returncode == 1
    assert site.cli("resolve", str(incident)).returncode == 0
    answer = site.cli("ack", str(incident))
    assert answer.returncode == 1 and f"incident {incident} is resolved already" in answer.stderr


def test_one_that_is_not_there(site, incident):
    for answer in (site.unix.get("/v1/incidents/999"),
                   site.unix.post("/v1/incidents/999/acknowledge", {})):
        assert answer.status == 404 and answer.json == {"error": "there is no incident 999"}


def test_answer_is_the_changed_object(site, incident):
    answer = site.unix.post(f"/v1/incidents/{incident}/acknowledge", {"comment": "mine"})
    assert answer.json["id"] == incident and answer.json["acknowledged_by"] == _user()
    assert answer.json == site.incident(incident) or answer.json["timeline"]


def test_resolve(site, incident):
    assert site.cli("resolve", str(incident)).returncode == 0
    site.hook.wait("incident.resolved")
    assert site.incident(incident)["state"] == "resolved"
    again = site.unix.post(f"/v1/incidents/{incident}/resolve", {})
    assert again.status == 409


def test_resolved_while_it_is_down(site, incident):
    """Nobody's word makes a service be up."""
    assert site.cli("resolve", str(incident)).returncode == 0
    status = site.cli("status")
    assert status.returncode == 2
    assert status.stdout.splitlines()[0] == "CRITICAL, 1 service down (llama), no open incident"
    assert site.status()["status"] == "critical"
    shown = site.cli("incident", str(incident)).stdout
    assert f"by {_user()} while ServiceDown still fires" in shown
    assert "ServiceDown still fires" in site.cli("incidents", "--all").stdout
    page = site.tcp.get(f"/incidents/{incident}").text
    assert f"resolved by {_user()} while ServiceDown still fires" in page
    for path in (f"/incidents/{incident}", "/incidents?state=all", "/services/llama"):
        page = site.tcp.get(path).text
        assert "ServiceDown still fires" in page, path
        assert ">resolved</span>" not in page.replace('<span class="tag">resolved</span>', ""), path
    page = site.tcp.get("/").text
    assert "<h1>llama is down</h1>" in page and 'class="hero critical"' in page
    site.servers["llama"].start()
    site.wait_service("llama")
    assert site.cli("status").returncode == 0
    eventually(lambda: "still fires" not in site.tcp.get("/services/llama").text, "its end")


def test_service_leaves_the_configuration(site, incident):
    """Nobody is told that all is well with what nobody looks at any more."""
    del site.sections["service", "llama"]
    site.reload()
    eventually(lambda: site.incident(incident)["state"] == "resolved", "its end")
    assert site.incident(incident)["timeline"][-1]["text"].startswith("llama is no longer watched")


def test_note(site, incident):
    assert site.cli("note", str(incident), "-m", "<b>the fan & co</b>").returncode == 0
    entry, = [t for t in site.incident(incident)["timeline"] if t["type"] == "note"]
    assert entry["text"] == "<b>the fan & co</b>"
    page = site.tcp.get(f"/incidents/{incident}").text
    assert "<b>the fan" not in page and "&lt;b&gt;the fan &amp; co" in page


def test_survives_a_restart(site, incident):
    site.unix.post(f"/v1/incidents/{incident}/acknowledge", {"comment": "kept"})
    site.daemon.kill_all()
    site.daemon.start()
    shown = site.incident(incident)
    assert shown["acknowledged_by"] == _user()
    assert [t["text"] for t in shown["timeline"] if t["type"] == "acknowledged"]


@pytest.mark.parametrize("verb", ["acknowledge", "resolve", "note"])
def test_not_over_tcp_without_login(site, incident, verb):
    before = site.incident(incident)
    answer = site.tcp.post(f"/v1/incidents/{incident}/{verb}", {"comment": "me"})
    assert answer.status in (401, 403) and answer.json["error"]
    assert site.incident(incident)["timeline"] == before["timeline"]


@pytest.mark.skipif(os.getuid() != 0, reason="changes users")
@pytest.mark.parametrize("verb", ["ack", "resolve", "note"])
def test_not_for_a_stranger(site, incident, verb):
    """Even one whom somebody let reach the socket."""
    site.daemon.runtime.chmod(0o755)
    site.socket.chmod(0o666)
    site.daemon.programs = site.directory
    shutil.copy(BUILD / "modelwatch", site.directory / "modelwatch")
    answer = site.cli(verb, str(incident), "-m", "me", user="nobody")
    assert answer.returncode == 1 and answer.stderr
    assert {t["type"] for t in site.incident(incident)["timeline"]} <= {
        "opened", "alert", "notified"}
    assert site.cli("status", user="nobody").returncode == 2


@pytest.mark.skipif(os.getuid() != 0, reason="changes users")
def test_stranger_is_told_who_may(site):
    """Only membership of our own group is advised."""
    site.start()
    site.daemon.runtime.chmod(0o755)
    site.daemon.programs = site.directory
    shutil.copy(BUILD / "modelwatch", site.directory / "modelwatch")
    shutil.chown(site.socket, "daemon", "daemon")
    answer = site.cli("status", user="nobody")
    assert answer.returncode == 3 and "usermod" not in answer.stderr
    assert "only root and the user daemon may use it" in answer.stderr.lower()


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"comment": 5}', b'{"comment": "\xff"}',
                                  b'{"comment": "a\\u0000b"}', b"[" * 100000],
                         ids=["empty", "open", "list", "number", "not-utf8", "nul", "deep"])
def test_wrong_bodies_change_nothing(site, incident, body):
    before = site.incident(incident)
    answer = site.unix.request("POST", f"/v1/incidents/{incident}/note", body,
                               {"Content-Type": "application/json"})
    assert answer.status == 400 and answer.json["error"]
    assert site.incident(incident)["timeline"] == before["timeline"]


@pytest.mark.parametrize("number", ["9999", "0", "-1", "x", "99999999999999999999"])
def test_unknown_incident(site, incident, number):
    for method, path in (("GET", f"/v1/incidents/{number}"),
                         ("POST", f"/v1/incidents/{number}/acknowledge")):
        answer = site.unix.request(method, path, {} if method == "POST" else None)
        assert answer.status == 404 and answer.json["error"], (method, path)
    assert site.cli("incident", number).returncode == 1
