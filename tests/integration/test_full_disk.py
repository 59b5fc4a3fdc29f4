# SPDX-License-Identifier: Apache-2.0
"""A disk that is full: people are told as long as anything can be stored, and whoever asks is told why
the rest cannot."""
import contextlib
import os
import signal
import subprocess
import time

import pytest
from harness.wait import eventually

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="mounts a small disk")

FULL = "the database cannot be written: No space left on device"
RESERVE = "modelwatch.db-reserve"


@pytest.fixture
def small_disk(site, request):
    """A site whose state is on a disk of its own, of 24 MiB or as the test says."""
    state = site.daemon.state
    size = getattr(request, "param", "24m")
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=0750", "tmpfs",
                              str(state)], capture_output=True, text=True, check=False)
    if mounted.returncode != 0:
        pytest.skip(f"cannot mount a small disk here: {mounted.stderr.strip()}")
    try:
        site.section("daemon", interval="50ms", evaluate="50ms")
        site.service("llama")
        site.hook = site.webhook()
        yield site
        site.daemon.stop()
    finally:
        subprocess.run(["umount", "--lazy", str(state)], check=True)


def _fill(site):
    """Takes all that is free, at once as the engine sees it: else what the reserve gives is taken, too."""
    engine = site.daemon.roles().get("engine") if site.daemon.running else None
    if engine:
        os.kill(engine, signal.SIGSTOP)
    try:
        _fill_beside(site)
    finally:
        if engine:
            os.kill(engine, signal.SIGCONT)


def _fill_beside(site):
    with open(site.daemon.state / "filler", "ab", buffering=0) as filler, \
            contextlib.suppress(OSError):
        while True:
            filler.write(bytes(4096))


def _make_room(site):
    (site.daemon.state / "filler").unlink()


def _reasons(site):
    answer = site.unix.get("/healthz")
    assert answer.status == (503 if answer.json["reasons"] else 200)
    return answer.json["reasons"]


def _wait_well(site):
    site.daemon.wait_log("the database can be written again")
    eventually(lambda: _reasons(site) == [], "health")
    assert "cannot be written" not in site.cli("doctor").stdout


def _newest_sample(site):
    return site.query("SELECT max(time_ms) AS newest FROM tick")[0]["newest"]


def test_people_are_told_on_a_full_disk(small_disk):
    site = small_disk
    site.start()
    site.wait_service("llama")
    reserve = site.daemon.state / RESERVE
    assert reserve.stat().st_size == 1 << 20
    _fill(site)
    site.daemon.wait_log(FULL)
    assert not reserve.exists()
    full_since = _newest_sample(site)
    eventually(lambda: any(FULL in reason for reason in _reasons(site)), "the reason in /healthz")
    assert not any("last reported" in reason for reason in _reasons(site))
    doctor = site.cli("doctor").stdout
    assert FULL in doctor and "Make room" in doctor

    site.servers["llama"].kill()
    opened, = site.hook.wait("incident.opened", service="llama")
    assert site.cli("ack", str(opened.json["incident"]["id"])).returncode == 0
    site.hook.wait("incident.acknowledged")
    site.servers["llama"].start()
    site.hook.wait("incident.resolved", service="llama")
    assert len(site.daemon.wait_log("cannot be written")) == 1, "it is said once"
    assert _newest_sample(site) == full_since

    _make_room(site)
    _wait_well(site)
    assert reserve.exists()
    # What was measured meanwhile is there.
    eventually(lambda: _newest_sample(site) > full_since, "samples again")
    gap, = site.query("SELECT count(*) AS count FROM tick WHERE time_ms > ? AND time_ms < ?",
                      full_since, full_since + 1000)
    assert gap["count"] > 5
    assert not site.daemon.reports()


def test_nothing_is_sent_that_is_not_stored(small_disk):
    site = small_disk
    site.start()
    site.wait_service("llama")
    (site.daemon.state / RESERVE).unlink()
    _fill(site)
    site.daemon.wait_log(FULL)
    site.servers["llama"].kill()
    site.daemon.wait_log(f"{FULL}; until it can")
    eventually(lambda: any("until it can" in r for r in _reasons(site)), "the reason")
    assert site.hook.posts == []
    assert site.query("SELECT * FROM incident") == []
    refused = site.cli("note", "1", "-m", "looking")
    assert refused.returncode == 1 and f"nothing was changed: {FULL}" in refused.stderr
    _make_room(site)
    opened, = site.hook.wait("incident.opened", service="llama")
    assert site.incident(opened.json["incident"]["id"])["state"] == "open"
    _wait_well(site)


def test_page_on_a_full_disk(small_disk):
    """What is stored all the same is shown as what it is, and as unknown as soon as it is not."""
    site = small_disk
    site.start()
    site.wait_service("llama")
    (site.daemon.state / RESERVE).unlink()
    _fill(site)
    site.daemon.wait_log(FULL)
    # Long enough for a collector to be late if it were.
    eventually(lambda: time.time() * 1000 - _newest_sample(site) > 6000, "old samples")
    status = site.status()
    assert status["status"] == "warning" and FULL in status["trouble"]
    assert FULL in site.cli("status").stdout.splitlines()[1]
    assert status["services"][0]["state"] == "up"
    assert FULL in site.unix.get("/").text
    site.servers["llama"].kill()
    site.daemon.wait_log(f"{FULL}; until it can")
    site.wait_service("llama", "unknown")
    _make_room(site)
    site.wait_service("llama", "down")
    _wait_well(site)
    assert site.status()["trouble"] is None


def test_start_on_a_full_disk(small_disk):
    """Killed on a full disk, it starts by its reserve."""
    site = small_disk
    site.start()
    site.wait_service("llama")
    site.daemon.kill_all()
    _fill(site)
    site.daemon.start()
    site.servers["llama"].kill()
    site.hook.wait("incident.opened", service="llama")
    _make_room(site)


@pytest.mark.parametrize("small_disk", ["3m"], indirect=True)
def test_no_room_for_the_reserve_is_said(small_disk):
    site = small_disk
    site.start()
    site.wait_service("llama")
    assert not (site.daemon.state / RESERVE).exists()
    doctor = eventually(lambda: "reserve" in (text := site.cli("doctor").stdout) and text, "doctor")
    assert "no room for the reserve" in doctor and "Make room" in doctor


def test_what_is_down_stays_so_over_a_kill(small_disk):
    """The newest sample that the database has may be older than its alert."""
    site = small_disk
    other = site.service("other")
    site.start()
    site.wait_service("llama")
    site.wait_service("other")
    _fill(site)
    site.daemon.wait_log(FULL)
    site.servers["llama"].kill()
    site.hook.wait("incident.opened", service="llama")
    _fill(site)
    other.kill()
    before = site.daemon.roles()["engine"]
    site.daemon.kill("engine")
    eventually(lambda: site.daemon.roles()["engine"] != before, "another engine")
    _make_room(site)
    site.hook.wait("incident.opened", service="other")
    eventually(lambda: _reasons(site) == [], "health")
    assert {p.type for p in site.hook.posts} == {"incident.opened"}, site.hook.summary()
    assert site.service_state("llama")["state"] == "down"
    site.servers["llama"].start()
    site.hook.wait("incident.resolved", service="llama")


def _crash(site, rounds):
    for _ in range(rounds):
        before = site.service_state("llama")["restarts"]
        site.servers["llama"].replace()
        eventually(lambda: (s := site.service_state("llama"))["state"] == "up"
                   and s["restarts"] == before + 1, "restart seen")


def test_restarts_stay_counted_over_a_kill(small_disk):
    """Their row was written, and their samples were not."""
    site = small_disk
    site.start()
    site.wait_service("llama")
    _fill(site)
    site.daemon.wait_log(FULL)
    _crash(site, 4)
    # It would store them when it sees its supervisor gone.
    os.kill(site.daemon.roles()["engine"], signal.SIGSTOP)
    site.daemon.kill_all()
    _make_room(site)
    site.daemon.start()
    site.wait_service("llama")
    _crash(site, 1)
    assert site.service_state("llama")["restarts"] == 5
    lately = 'modelwatch_service_recent_restarts{service="llama"} 5'
    eventually(lambda: lately in site.tcp.get("/metrics").text, lately)
