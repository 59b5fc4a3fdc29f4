# SPDX-License-Identifier: Apache-2.0
"""How services are found, by each key of [service], and what they give as samples."""
import os
import pathlib
import signal

import pytest
from harness.places import free_port
from harness.wait import eventually


def _killed_is_told(site, server, hook, name="llama"):
    assert site.wait_service(name)["processes"] == [server.pid]
    server.kill()
    hook.wait("incident.opened", service=name)
    server.start()
    hook.wait("incident.resolved", service=name)
    assert site.wait_service(name)["processes"] == [server.pid]


def test_executable(site):
    server = site.service("llama")
    site.section("service", "llama", executable=f"{site.directory}/*/lla?a")
    hook = site.webhook()
    site.start()
    _killed_is_told(site, server, hook)


def test_command_line(site):
    tag = site.directory.name
    server = site.server("program", ["serve", tag, "--model", "/srv/models/llama"])
    site.section("service", "llama", command_line=f"*serve {tag} --model */llama")
    server.start()
    hook = site.webhook()
    site.start()
    _killed_is_told(site, server, hook)


def test_command_line_is_bytes_not_words(site):
    """A process may call itself anything; a glob is no regular expression."""
    tag = site.directory.name
    server = site.server("program", [tag, "\udcff\udc80(a+)+$ \n <script>"])
    site.section("service", "odd", command_line=f"*{tag}*<script>")
    server.start()
    hook = site.webhook()
    site.start()
    _killed_is_told(site, server, hook, "odd")
    assert "<script>" not in site.tcp.get("/services/odd").text


def _titled(site):
    """A service that is found by its command line, whose process wrote a title over its arguments."""
    server = site.server("program", ["serve", site.directory.name])
    site.section("service", "llama", command_line=f"*serve {site.directory.name}")
    server.start()
    hook = site.webhook()
    site.start()
    site.wait_service("llama")
    server.title("gone: worker")
    return server, hook


def test_title_survives_who_looks(site):
    """A title makes it no other program, neither for another role or daemon nor after a reload."""
    server, hook = _titled(site)
    other = site.service("other")
    site.reload()
    site.wait_service("other")
    site.daemon.kill("process")
    site.daemon.wait_log(r"role process \(pid \d+\) was killed")
    other.kill()
    hook.wait("incident.opened", service="other")
    site.daemon.stop()
    site.daemon.start()
    assert site.wait_service("llama")["processes"] == [server.pid]
    assert not [i for i in site.incidents() if i["service"] == "llama"]
    server.kill()
    hook.wait("incident.opened", service="llama")


def test_title_does_not_hold_what_is_configured_no_more(site):
    server, hook = _titled(site)
    site.section("service", "llama", command_line=f"*serve something else {site.directory.name}")
    site.reload()
    hook.wait("incident.opened", service="llama")
    assert "no process matches it" in site.wait_incident("llama")["title"]
    assert site.wait_service("llama", "down")["processes"] == []
    assert server.running


def test_listen_port(site):
    port = free_port()
    server = site.server("program", ["--port", port])
    site.section("service", "llama", listen_port=port)
    server.start()
    hook = site.webhook()
    site.start()
    _killed_is_told(site, server, hook)


def test_listen_port_of_a_process_just_started(site):
    """Its socket may be seen before the process itself is."""
    site.section("daemon", interval="20ms")
    port = free_port()
    server = site.server("program", ["--port", port])
    site.section("service", "llama", listen_port=port)
    hook = site.webhook()
    site.start()
    hook.wait("incident.opened", service="llama")
    for _ in range(3):
        server.start()
        assert site.wait_service("llama")["processes"] == [server.pid]
        server.kill()
        site.wait_service("llama", "down")


def test_pid_file(site):
    path = site.directory / "llama.pid"
    server = site.server("program")
    site.section("service", "llama", pid_file=path)
    path.write_text(f"{server.start()}\n")
    hook = site.webhook()
    site.start()
    assert site.wait_service("llama")["processes"] == [server.pid]
    server.kill()
    hook.wait("incident.opened", service="llama")
    path.write_text(f"{server.start()}\n")
    hook.wait("incident.resolved", service="llama")


@pytest.mark.parametrize("text", ["", "x\n", "0\n", "-1\n", "1 2\n", "4194999\n", "9" * 400,
                                  "\0\0\0"])
def test_pid_file_with_rubbish(site, text):
    path = site.directory / "llama.pid"
    path.write_text(text)
    site.section("service", "llama", pid_file=path)
    hook = site.webhook()
    site.start()
    hook.wait("incident.opened", service="llama")


@pytest.mark.skipif(os.getuid() != 0, reason="changes users")
@pytest.mark.parametrize("user", ["games", "60123"])
def test_user(site, user):
    uid = 60123 if user == "60123" else 5
    server = site.server("program", preexec=lambda: os.setuid(uid))
    site.section("service", "llama", user=user, executable=server.path)
    site.section("service", "another", user="4294967", executable=server.path, expected="no")
    site.server("other").start()
    server.start()
    hook = site.webhook()
    site.start()
    _killed_is_told(site, server, hook)
    assert site.service_state("another")["processes"] == []


def _own_cgroup():
    """A cgroup in which processes can be put, and its name in /proc/PID/cgroup."""
    for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines():
        fields, _, filesystem = line.partition(" - ")
        if filesystem.startswith("cgroup2 "):
            root, mount = fields.split()[3:5]
            directory = pathlib.Path(mount, f"modelwatch-test-{os.getpid()}")
            try:
                directory.mkdir()
            except OSError:
                return None
            return directory, f"{root.rstrip('/')}/{directory.name}"
    return None


def test_cgroup(site):
    found = _own_cgroup()
    if not found:
        pytest.skip("no cgroup2 to write to")
    directory, name = found
    (directory / "inner").mkdir()

    def enter():
        (directory / "inner" / "cgroup.procs").write_text(str(os.getpid()))
    try:
        server = site.server("program", preexec=enter)
        site.section("service", "llama", cgroup=name)
        site.section("service", "part", cgroup=name[:-1], expected="no")
        server.start()
        hook = site.webhook()
        site.start()
        _killed_is_told(site, server, hook)
        assert site.service_state("part")["processes"] == []
        server.close()
    finally:
        for path in (directory / "inner", directory):
            eventually(lambda p=path: (p.rmdir(), True)[1], f"{path} removed")


def test_all_keys_must_hold(site):
    port = free_port()
    both = site.server("program", ["--port", port])
    half = site.server("half", ["--port", free_port()])
    site.section("service", "llama", executable=[both.path, half.path], listen_port=port)
    both.start()
    half.start()
    hook = site.webhook()
    site.start()
    _killed_is_told(site, both, hook)


def test_child_that_goes_on_with_the_port(site):
    """A child goes on with the socket of a main process that failed: it is the service soon."""
    port = free_port()
    server = site.server("program", ["--port", port])
    site.section("service", "llama", listen_port=port)
    server.start()
    heir = server.leave_heir()
    hook = site.webhook()
    site.start()
    assert site.wait_service("llama")["processes"] == [server.pid]
    server.send(signal.SIGKILL)
    hook.wait("incident.opened")
    assert site.service_state("llama")["state"] == "down"
    hook.wait("incident.resolved")
    assert site.wait_service("llama")["processes"] == [heir]
    server.reap()


def test_keys_that_come_later_are_named(site):
    site.section("service", "llama", command_line="*vllm*", health="http://127.0.0.1:8000/health")
    site.configure()
    result = site.run("--check-config")
    assert result.returncode == 0
    site.start()
    assert any("health" in line and "conf:" in line for line in site.daemon.log_lines)


def test_samples(site):
    server = site.service("llama")
    server.fork()
    site.start()
    site.wait_service("llama")
    wanted = ["up", "processes", "start_time_seconds", "restarts_total", "cpu_seconds_total",
              "resident_bytes", "swap_bytes", "threads", "open_fds", "max_fds",
              "read_bytes_total", "written_bytes_total", "major_faults_total"]

    def values():
        text = site.tcp.get("/metrics").text
        found = {}
        for line in text.splitlines():
            if line.startswith("modelwatch_service_") and 'service="llama"' in line:
                name = line[len("modelwatch_service_"):].partition("{")[0]
                found.setdefault(name, float(line.split()[-1]))
        return found if all(w in found for w in wanted) else None
    found = eventually(values, f"every one of {wanted}")
    assert found["up"] == 1 and found["processes"] == 2 and found["restarts_total"] == 0
    assert found["threads"] == 2 and found["open_fds"] >= 3
    status = pathlib.Path(f"/proc/{server.pid}/status").read_text()
    rss = int(status.partition("VmRSS:")[2].split()[0]) * 1024
    assert rss <= found["resident_bytes"] <= 20 * rss
    assert abs(found["start_time_seconds"] - os.stat(f"/proc/{server.pid}").st_mtime) < 600


def test_proportional_bytes(site):
    site.service("llama")
    site.start()
    eventually(lambda: 'modelwatch_service_proportional_bytes{service="llama"}' in
               site.tcp.get("/metrics").text, "PSS")


@pytest.mark.parametrize("before", [True, False])
def test_process_of_another_service(site, before):
    """A process that two services match belongs to the first of them, and the other one says so."""
    server = site.service("first", start=before)
    site.section("service", "second", executable=server.path)
    hook = site.webhook()
    site.start()
    if not before:
        hook.wait("incident.opened", service="second")
        server.start()
    assert site.wait_service("first")["processes"] == [server.pid]
    reason = f"process {server.pid} matches it, but belongs to service first"
    eventually(lambda: site.service_state("second")["reason"] == reason, "the reason")
    assert site.service_state("second")["state"] == "down"
    hook.wait("incident.opened", service="second")

    def title():
        second, = [i for i in site.incidents() if i["service"] == "second"]
        return second["title"]

    eventually(lambda: title() == f"second is down: {reason}", "the incident says so")
    opened = [p for p in hook.delivered() if p.type == "incident.opened" and p.service == "second"]
    assert len(opened) == 1
    server.kill()
    eventually(lambda: site.service_state("second")["reason"] == "no process matches it",
               "a reason without it")
    eventually(lambda: title() == "second is down: no process matches it", "an incident without it")
