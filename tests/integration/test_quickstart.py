# SPDX-License-Identifier: Apache-2.0
"""packaging/quickstart, as somebody types it: start, break, mend, stop."""
import os
import re
import shutil
import socket
import subprocess
import urllib.request

import pytest
from harness.places import BUILD, SOURCE, free_port

# They work in one folder, one behind the other.
pytestmark = pytest.mark.xdist_group("quickstart")

HOME = BUILD / "quickstart"
PARTS = ("modelwatchd", "server", "client", "receiver")


def _two_ports():
    """A port whose next one is free, too."""
    first, second = free_port(), free_port()
    while second != first + 1:
        first, second = second, free_port()
    return first


class Quickstart:
    def __init__(self):
        self.page = free_port()
        self.environment = {**os.environ, "MODELWATCH_BUILD": str(BUILD),
                            "MODELWATCH_PAGE_PORT": str(self.page),
                            "MODELWATCH_DEMO_PORT": str(_two_ports())}

    def run(self, *words, status=0):
        """Its standard output; what it complains of is in there, too."""
        done = subprocess.run([SOURCE / "packaging" / "quickstart", *words], env=self.environment,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              stdin=subprocess.DEVNULL, timeout=300, check=False)
        assert done.returncode == status, done.stdout
        return done.stdout

    def get(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.page}/", timeout=30) as answer:
            return answer.read().decode()

    @staticmethod
    def received():
        """Type and title of each notification of the demo: other tests' servers are found as well."""
        log = (HOME / "receiver.log").read_text()
        return re.findall(r"^\S+ (incident\.\w+) \w+: (demo .*)$", log, re.M)


@pytest.fixture
def quickstart():
    shutil.rmtree(HOME, ignore_errors=True)
    quickstart = Quickstart()
    yield quickstart
    quickstart.run("stop")
    shutil.rmtree(HOME)


def test_the_road_that_the_readme_promises(quickstart):
    said = quickstart.run("demo")
    for name in ("modelwatchd", "demo server", "demo client", "demo receiver"):
        assert f"{name} started" in said, said
    assert f"http://127.0.0.1:{quickstart.page}/" in said
    assert "demo" in quickstart.get()
    assert quickstart.received() == []

    assert "started" not in quickstart.run()  # a second call finds everything running

    said = quickstart.run("break")
    assert re.search(r"^The receiver was told after \d+ ms:$", said, re.M), said
    assert re.search(r"incident\.opened critical: demo is down", said), said
    assert "The page shows it" in said and "demo is down" in quickstart.get()

    assert "does not run" in quickstart.run("break", status=1)

    said = quickstart.run()
    assert "demo server started" in said and "The demo's incident is resolved." in said, said
    title = "demo is down: killed by SIGKILL"
    assert quickstart.received() == [("incident.opened", title), ("incident.resolved", title)]

    said = quickstart.run("status")
    assert all(f"{name} runs (process " in said for name in PARTS), said


def test_breaking_it_again_and_again(quickstart):
    """From the third time on there is an incident of too many restarts that stays open."""
    quickstart.run("demo")
    for _ in range(4):
        assert "demo is down" in quickstart.run("break")
        said = quickstart.run()
    assert re.search(r"Still open:\n(?: +\d+ .*\n)* +\d+ .*demo", said), said


def test_a_stop_is_no_incident(quickstart):
    quickstart.run("demo")
    said = quickstart.run("stop")
    assert all(f"{name} stopped" in said for name in PARTS), said
    assert quickstart.run("stop") == ""
    said = quickstart.run("status")
    assert all(f"{name} does not run" in said for name in PARTS), said
    assert quickstart.received() == []
    quickstart.run("demo")
    assert quickstart.received() == []


def test_ports_in_use_are_named(quickstart):
    with socket.create_server(("127.0.0.1", quickstart.page)):
        assert str(quickstart.page) in quickstart.run("demo", status=1)
    quickstart.environment["MODELWATCH_DEMO_PORT"] = str(quickstart.page - 1)
    said = quickstart.run("demo", status=1)  # the receiver would take the page's port
    assert f"receiver.py: 127.0.0.1:{quickstart.page}: " in said


@pytest.mark.parametrize("words, status", [(["--help"], 0), (["mend"], 64), (["stop", "now"], 64)])
def test_usage(quickstart, words, status):
    assert "usage: packaging/quickstart" in quickstart.run(*words, status=status)
