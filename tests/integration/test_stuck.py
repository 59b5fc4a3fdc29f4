# SPDX-License-Identifier: Apache-2.0
"""Processes that hang in the kernel with their memory locked: whoever reads their command line waits as
long as they do. The daemon does not."""
import os
import re

import pytest

from harness.silent_file import SilentFile
from harness.wait import eventually


@pytest.fixture
def silent_files(site):
    """Files that make a process hang which writes to one: one for each."""
    if os.getuid() != 0 or not os.path.exists("/dev/fuse"):
        pytest.skip("needs root and /dev/fuse")
    files = []
    try:
        for number in range(2):
            files.append(SilentFile(site.directory / f"silent{number}"))
        yield files
    except OSError as error:
        pytest.skip(f"cannot mount here: {error}")
    finally:
        for file in files:
            file.close()


def _by_command_line(site, name):
    server = site.server(name)
    site.section("service", name, command_line=f"*{server.path}*")
    server.start()
    return server


def _words(site):
    """What doctor says of such processes, or None."""
    return next((check["text"] for check in site.unix.json("/v1/doctor")["checks"]
                 if check["subject"] == "stuck-processes" and check["state"] == "limited"), None)


def test_others_are_watched_on(site, silent_files):
    """One hangs before the daemon starts, the main process of a service while it runs."""
    stranger = site.server("stranger")
    stranger.start()
    stranger.hang(silent_files[0])
    server, hanging = _by_command_line(site, "llama"), _by_command_line(site, "mute")
    hook = site.webhook()
    site.start()
    site.wait_service("llama")
    site.wait_service("mute")
    hanging.hang(silent_files[1])
    # The next one has to find out anew who is there.
    role = site.daemon.roles()["process"]
    site.daemon.kill("process")
    eventually(lambda: site.daemon.roles().get("process", role) != role, "another role")
    role = site.daemon.roles()["process"]
    server.kill()
    hook.wait("incident.opened", service="llama")
    server.start()
    hook.wait("incident.resolved", service="llama")
    for name in f" {stranger.pid} (stranger, since 20", f" {hanging.pid} (mute, since 20":
        eventually(lambda n=name: n in (_words(site) or ""), "both names in what doctor says")
    for file in silent_files:
        file.release()
    eventually(lambda: not _words(site), "nothing to say any more")
    assert site.service_state("mute")["processes"] == [hanging.pid]
    assert site.daemon.roles()["process"] == role
    assert [i["service"] for i in site.incidents()] == ["llama"]


def test_what_is_executed_while_it_hangs_is_found_after_it(site, silent_files):
    """A service whose process cannot be looked at is down, and up when it can."""
    server = site.server("late")
    site.section("service", "late", command_line=f"*{server.path}*")
    server.start()
    server.hang(silent_files[0])
    hook = site.webhook()
    site.start()
    hook.wait("incident.opened", service="late")
    reason = site.wait_service("late", "down")["reason"]
    assert re.fullmatch("no process matches it, but [0-9]+ process(es)? could not be looked at", reason)
    silent_files[0].release()
    hook.wait("incident.resolved", service="late")
    assert site.wait_service("late")["processes"] == [server.pid]
