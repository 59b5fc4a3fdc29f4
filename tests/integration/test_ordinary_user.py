# SPDX-License-Identifier: Apache-2.0
"""Everything that needs no rights works for a user who has none."""
import os
import pathlib
import shutil

from harness.places import ROLES, sanitized
from harness.wait import eventually


def _as_nobody(site, name):
    server = site.server(name, preexec=lambda: (os.setgid(65534), os.setuid(65534)))
    site.section("service", name, command_line=f"*{server.path}*")
    server.start()
    return server


def test_road(nobody_site):
    site = nobody_site
    server = _as_nobody(site, "llama")
    hook = site.webhook()
    site.start()
    site.wait_service("llama")
    server.kill()
    hook.wait("incident.opened", service="llama")
    server.start()
    hook.wait("incident.resolved", service="llama")
    number = site.incidents()[0]["id"]
    assert site.cli("note", str(number), "-m", "mine", user="nobody").returncode == 0
    assert [t["actor"] for t in site.incident(number)["timeline"] if t["type"] == "note"] == [
        "nobody"]
    assert set(site.daemon.roles()) >= set(ROLES)


def test_processes_of_others(nobody_site):
    """Their command lines are there for everybody; doctor says what is not."""
    site = nobody_site
    server = site.server("llama")
    site.section("service", "llama", command_line=f"*{server.path}*")
    server.start()
    hook = site.webhook()
    site.start()
    site.wait_service("llama")
    eventually(lambda: "CAP_SYS_PTRACE" in site.cli("doctor").stdout, "what is not seen")
    server.kill()
    hook.wait("incident.opened", service="llama")


def test_sandbox_all_the_same(nobody_site):
    site = nobody_site
    site.start()
    for role, pid in site.daemon.roles().items():
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
        assert "NoNewPrivs:\t1" in status, role
        assert sanitized() or "Seccomp:\t2" in status, role
        assert "CapEff:\t0000000000000000" in status, role


def test_killed_and_started_again(nobody_site):
    site = nobody_site
    server = _as_nobody(site, "llama")
    hook = site.webhook()
    site.start()
    site.wait_service("llama")
    site.daemon.kill_all()
    server.kill()
    site.daemon.start()
    post, = hook.wait("incident.opened", service="llama")
    assert "unobserved" in str(post.json)


def test_state_directory_of_another_user(nobody_site):
    site = nobody_site
    shutil.chown(site.daemon.state, "root")
    site.configure()
    result = site.run()
    assert result.returncode == 69 and str(site.daemon.state) in result.stderr


def test_doctor(nobody_site):
    site = nobody_site
    site.start()
    eventually(lambda: site.cli("doctor").stdout, "doctor")
    assert site.cli("doctor", "--json").stdout.strip() == site.unix.get("/v1/doctor").text.strip()
