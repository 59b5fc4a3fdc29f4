# SPDX-License-Identifier: Apache-2.0
"""Why a process ended: what the kernel's event says, in the page that is sent."""
import shutil
import signal

import pytest


def _told(site, end, cores=False):
    server = site.server("llama", cores=cores)
    site.section("service", "llama", executable=server.path)
    server.start()
    hook = site.webhook()
    site.start()
    site.wait_service("llama")
    end(server)
    post, = hook.wait("incident.opened", service="llama")
    return post.json, site.service_state("llama")


@pytest.mark.parametrize("end, reason, detail, cores", [
    (lambda s: s.exit(0), "exited", "0", False),
    (lambda s: s.exit(3), "exited", "3", False),
    (lambda s: s.exit(137), "exited", "137", False),
    (lambda s: s.kill(signal.SIGTERM), "signalled", "SIGTERM", False),
    (lambda s: s.kill(signal.SIGKILL), "signalled", "SIGKILL", False),
    (lambda s: s.crash(), "signalled", "SIGSEGV", False),
    (lambda s: s.crash(), "core-dumped", "SIGSEGV", True),
    (lambda s: s.kill(signal.SIGABRT), "core-dumped", "SIGABRT", True),
], ids=["exit-0", "exit-3", "exit-137", "term", "kill", "segv", "segv-core", "abort-core"])
def test_reason(site, end, reason, detail, cores):
    body, service = _told(site, end, cores)
    evidence = {e["name"]: e["text"] for e in body["alerts"][0]["evidence"]}
    assert reason in (evidence.get("reason"), *body["alerts"][0]["labels"].values()) or \
        reason in str(body), body
    assert detail in str(evidence), evidence
    assert service["reason"]
    metrics = site.tcp.get("/metrics").text
    line, = [x for x in metrics.splitlines() if x.startswith("modelwatch_service_exits_total")
             and f'reason="{reason}"' in x and 'service="llama"' in x]
    assert float(line.split()[1]) == 1


def test_exec_is_no_exit(site):
    """A process that goes on as another program of the service lives on."""
    server = site.service("llama")
    site.webhook()
    site.start()
    site.wait_service("llama")
    other = site.server("other")
    other.start()
    other.kill()
    assert site.service_state("llama")["processes"] == [server.pid]
    assert site.incidents() == []


def test_child_does_not_hide_a_crash(site):
    """A server that forks dies; a child that looks like it lives on."""
    script = "exec 3<&0; (cat <&3 >/dev/null; :) & echo ready; wait"
    server = site.server("llama", ["-c", script])
    server.path.unlink()
    shutil.copy("/bin/sh", server.path)
    site.section("service", "llama", executable=server.path)
    server.start()
    hook = site.webhook()
    site.start()
    site.wait_service("llama")
    server.kill(reap=False)
    hook.wait("incident.opened", service="llama")
    server.reap()
