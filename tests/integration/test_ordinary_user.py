# SPDX-License-Identifier: Apache-2.0
"""Everything that needs no rights works for a user who has none."""
import os
import pathlib
import shutil

from harness.places import ROLES, free_port, sanitized
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


def _doctor(site, service):
    """What doctor says of the service, or None."""
    return next((c for c in site.unix.json("/v1/doctor")["checks"]
                 if c["subject"] == f"service {service}"), None)


def _unseen(site, service):
    check = eventually(lambda: _doctor(site, service), f"a word on {service}")
    assert check["state"] == "limited" and f"[service {service}]" in check["remedy"]
    assert site.service_state(service)["state"] == "unknown"


def _listening(site, name, port, **kind):
    server = site.server(name, ["--port", port], **kind)
    site.section("service", name, listen_port=port)
    return server


def test_what_cannot_be_seen_is_not_down(nobody_site):
    """Executables and sockets of others are hidden: what is found by them alone is unknown."""
    site = nobody_site
    by_executable = site.service("exe")
    by_port = _listening(site, "port", free_port())
    by_port.start()
    command_line = f"*{by_executable.path}*"
    site.section("service", "both", executable="/opt/model-server", command_line=command_line)
    site.section("service", "neither", executable="/opt/model-server", command_line="no such")
    site.section("service", "silent", listen_port=free_port())
    hook = site.webhook()
    site.start()
    for name in "neither", "silent":  # of these everything that counts can be seen
        hook.wait("incident.opened", service=name)
        site.wait_service(name, "down")
    for name in "exe", "port", "both":
        _unseen(site, name)
    assert {i["service"] for i in site.incidents()} == {"neither", "silent"}
    assert not _doctor(site, "neither") and not _doctor(site, "silent")
    assert "service exe" in site.cli("doctor").stdout


def test_seen_later(nobody_site):
    """One of our own that is found instead is up, and down when it ends."""
    site = nobody_site
    other = site.service("llama")
    hook = site.webhook()
    site.start()
    _unseen(site, "llama")
    other.kill()
    own = site.server("llama", preexec=lambda: (os.setgid(65534), os.setuid(65534)))
    own.start()
    site.wait_service("llama")
    eventually(lambda: not _doctor(site, "llama"), "nothing to say")
    own.kill()
    hook.wait("incident.opened", service="llama")
    assert site.wait_service("llama", "down")["reason"]


def test_own_server_by_port(nobody_site):
    site = nobody_site
    server = _listening(site, "port", free_port(),
                        preexec=lambda: (os.setgid(65534), os.setuid(65534)))
    server.start()
    hook = site.webhook()
    site.start()
    site.wait_service("port")
    assert not _doctor(site, "port")
    server.kill()
    hook.wait("incident.opened", service="port")


def test_missing_then_unseen(nobody_site):
    """One that was not there comes, but cannot be seen: nobody is told any longer that it is down."""
    site = nobody_site
    server = _listening(site, "port", free_port())
    hook = site.webhook()
    site.start()
    hook.wait("incident.opened", service="port")
    server.start()
    hook.wait("incident.resolved", service="port")
    _unseen(site, "port")


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
