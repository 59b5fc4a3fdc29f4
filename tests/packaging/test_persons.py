# SPDX-License-Identifier: Apache-2.0
"""Who reads the page over the unix socket, and who may change something."""
import json

import pytest
from host import SOCKET

CURL = f"curl --silent --show-error --unix-socket {SOCKET} http://localhost"
MISSING = "[service llama]\npid-file = /run/llama.pid"


@pytest.fixture
def staffed(machine):
    """A machine with a member of the group (sre), another user (guest) and an open incident."""
    machine.user("sre", "modelwatch")
    machine.user("guest")
    machine.hook = machine.told(MISSING)
    machine.number = machine.wait_incident("llama")["id"]
    return machine


@pytest.mark.parametrize("user", [None, "sre"])
def test_page_is_read(staffed, user):
    page = staffed.run(f"{CURL}/", user).stdout
    assert page.startswith("<!doctype html>") and "llama" in page
    status = json.loads(staffed.run(f"{CURL}/v1/status", user).stdout)
    assert [i["service"] for i in status["incidents"]] == ["llama"]


def test_page_is_not_for_others(staffed):
    for path in ("/", "/v1/status"):
        refused = staffed.run(f"{CURL}{path}", "guest", check=False)
        assert refused.returncode == 7 and refused.stdout == "", refused
    refused = staffed.run("modelwatch status", "guest", check=False)
    assert refused.returncode == 3 and "permission denied" in refused.stderr, refused
    refused = staffed.run(f"modelwatch ack {staffed.number}", "guest", check=False)
    assert refused.returncode == 1 and "permission denied" in refused.stderr, refused


def test_member_acknowledges(staffed):
    staffed.run(f"modelwatch ack {staffed.number} -m 'I am on it'", "sre")
    post, = staffed.hook.wait("incident.acknowledged")
    assert post.json["incident"]["acknowledged_by"] == "sre"
    entry, = [t for t in staffed.unix.json(f"/v1/incidents/{staffed.number}")["timeline"]
              if t["type"] == "acknowledged"]
    assert entry["actor"] == "sre" and "I am on it" in entry["text"]


def test_other_user_changes_nothing(staffed):
    """Who gets through to the socket is still known by the kernel's word."""
    staffed.run(f"chmod a+x /run/modelwatch && chmod a+rw {SOCKET}")
    assert staffed.run("modelwatch status", "guest", check=False).returncode == 2
    for verb in ("acknowledge", "resolve", "note"):
        answer = staffed.run(f"{CURL}/v1/incidents/{staffed.number}/{verb} --json '{{\"comment\":\"me\"}}' "
                             "--write-out '\\n%{http_code}'", "guest").stdout
        assert answer.splitlines()[-1] == "403", answer
    refused = staffed.run(f"modelwatch ack {staffed.number}", "guest", check=False)
    assert refused.returncode == 1 and refused.stderr, refused
    incident = staffed.unix.json(f"/v1/incidents/{staffed.number}")
    assert incident["state"] == "open" and incident["acknowledged_by"] is None
    assert "guest" not in json.dumps(incident["timeline"])
