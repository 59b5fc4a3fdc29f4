# SPDX-License-Identifier: Apache-2.0
"""Model servers that nobody configured."""
import shutil

import pytest
from harness.places import free_port
from harness.wait import eventually

_SERVER = """#!/usr/bin/python3
import socket, sys
port = int(sys.argv[sys.argv.index("--port") + 1])
listener = socket.create_server(("127.0.0.1", port))
print("ready", flush=True)
sys.stdin.read()
"""


def _vllm(site, port):
    """A script, as pip installs vLLM: the interpreter's executable, the name in the arguments."""
    script = site.directory / "venv" / "vllm"
    script.parent.mkdir()
    script.write_text(_SERVER)
    server = site.server("python3", [script, "serve", "org/model", "--port", port])
    server.path.unlink()
    shutil.copy("/usr/bin/python3", server.path)
    return server


def _llama_server(site, port):
    return site.server("llama-server", ["-m", "/srv/models/x.gguf", "--port", port])


KINDS = [(_vllm, "vllm"), (_llama_server, "llama.cpp")]


def _name(site, pid):
    """The name under which a process was discovered."""
    def found():
        return next((s["name"] for s in site.status()["services"]
                     if pid in s["processes"] and s["discovered"]), None)
    return eventually(found, f"the service of {pid}")


@pytest.mark.parametrize("make, kind", KINDS, ids=["vllm", "llama-server"])
def test_discovered_and_told(site, make, kind):
    port = free_port()
    server = make(site, port)
    server.start()
    site.section("daemon", discovery="yes")
    hook = site.webhook()
    site.start()
    name = _name(site, server.pid)
    assert name.endswith(f"-{port}") and name.startswith(kind.split(".")[0]), name
    server.kill()
    hook.wait("incident.opened", service=name)
    server.start()
    hook.wait("incident.resolved", service=name)


def test_configured_after_its_end(site):
    """What was told of a discovered server is over when a configured service has its port."""
    port = free_port()
    server = _llama_server(site, port)
    server.start()
    site.section("daemon", discovery="yes")
    hook = site.webhook()
    site.start()
    name = _name(site, server.pid)
    server.kill()
    hook.wait("incident.opened", service=name)
    site.section("service", "llm", listen_port=port)
    site.reload()
    server.start()
    assert site.wait_service("llm")["processes"] == [server.pid]
    hook.wait("incident.resolved", service=name)


def test_started_later(site):
    port = free_port()
    site.section("daemon", discovery="yes")
    site.start()
    server = _llama_server(site, port)
    server.start()
    assert _name(site, server.pid).endswith(f"-{port}")


def test_ended_in_order(site):
    site.service("llama")
    site.section("daemon", discovery="yes")
    site.start()
    ended = []
    for _ in range(3):
        server = _llama_server(site, free_port())
        server.start()
        ended.append(_name(site, server.pid))
        server.exit(0)

    def are_gone():
        return not {s["name"] for s in site.status()["services"]} & set(ended)
    eventually(are_gone, "the list without what ended")
    # What is told last of a service stands before the next event.
    site.servers["llama"].exit(0)
    site.wait_service("llama", "down")
    assert are_gone()
    site.daemon.stop()
    site.daemon.start()
    site.wait_service("llama", "down")
    assert are_gone()
    assert {row["service"] for row in site.query("SELECT service FROM event")} >= set(ended)


def test_discover_lists_what_runs(site):
    server = _llama_server(site, free_port())
    server.start()
    site.section("daemon", discovery="yes")
    site.start()
    name = _name(site, server.pid)
    assert f"[service {name}]" in site.cli("discover").stdout
    server.kill()
    site.wait_service(name, "down")
    eventually(lambda: name not in site.cli("discover").stdout, "the list without it")
    server.start()
    site.wait_service(name)
    assert f"[service {name}]" in site.cli("discover").stdout


def test_configured_wins(site):
    port = free_port()
    server = _llama_server(site, port)
    server.start()
    site.section("daemon", discovery="yes")
    site.section("service", "mine", executable=server.path)
    site.start()
    assert site.wait_service("mine")["processes"] == [server.pid]
    other = site.server("vllm-less", ["--port", free_port()])
    other.start()
    assert not [s for s in site.status()["services"]
                if s["discovered"] and server.pid in s["processes"]]


def test_discovery_can_be_off(site):
    server = _llama_server(site, free_port())
    server.start()
    site.service("named")
    site.start()
    site.wait_service("named")
    assert [s["name"] for s in site.status()["services"]] == ["named"]


def test_discover_prints_configuration(site):
    port = free_port()
    server = _llama_server(site, port)
    server.start()
    site.section("daemon", discovery="yes")
    site.start()
    name = _name(site, server.pid)
    answer = site.cli("discover")
    assert answer.returncode == 0 and f"[service {name}]" in answer.stdout
    # It is ready to paste: with discovery off it finds the same process.
    pasted = site.directory / "pasted.conf"
    pasted.write_text(answer.stdout)
    check = site.cli("check-config", str(pasted))
    assert check.returncode == 0, check.stdout + check.stderr
    # Others' servers may come and go between the two.
    eventually(lambda: site.cli("discover", "--json").stdout.strip() == site.unix.get(
        "/v1/discover").text.strip(), "the same answer")
    site.daemon.stop()
    site.section("daemon", discovery="no")
    site.configure()
    site.config.write_text(site.config.read_text() + answer.stdout)
    site.daemon.start()
    eventually(lambda: not site.service_state(name)["discovered"], name)
    assert site.wait_service(name)["processes"] == [server.pid]
