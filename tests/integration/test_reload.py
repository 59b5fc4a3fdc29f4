# SPDX-License-Identifier: Apache-2.0
"""Reloads: what they put in force, when, and what is said of one that was refused."""
import os
import signal

from harness import places


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
