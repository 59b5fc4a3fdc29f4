# SPDX-License-Identifier: Apache-2.0
"""The whole road: a process dies, somebody is told, the database has it, page and API show it."""
import os
import re
import signal
import time
from datetime import datetime

import pytest
from harness.wait import eventually


def test_nothing_wrong(site):
    site.service("llama")
    site.webhook()
    site.start()
    service = site.wait_service("llama")
    assert service["processes"] == [site.servers["llama"].pid]
    assert service["restarts"] == 0 and service["discovered"] is False
    status = eventually(lambda: (s := site.status())["status"] == "ok" and s, "status ok")
    assert status["incidents"] == []
    assert {role["name"] for role in status["roles"]} >= {"engine", "process", "notify", "web"}
    assert eventually(lambda: site.unix.get("/healthz").status == 200, "health")
    assert site.cli("status").returncode == 0


def test_kill_is_told(site):
    server = site.service("llama")
    hook = site.webhook()
    site.start()
    site.wait_service("llama")
    server.kill()
    post, = hook.wait("incident.opened", service="llama")
    body = post.json
    assert body["incident"]["state"] == "open" and body["incident"]["severity"] == "critical"
    assert "llama is down" in body["incident"]["title"]
    alert, = body["alerts"]
    assert (alert["rule"], alert["state"]) == ("ServiceDown", "firing")
    assert alert["labels"]["service"] == "llama"
    assert (alert["value"], alert["threshold"]) == (0, 0)
    assert any("SIGKILL" in e["text"] or "9" in e["text"] for e in alert["evidence"])


def test_everything_shows_it(site):
    server = site.service("llama")
    hook = site.webhook()
    site.start()
    site.wait_service("llama")
    server.kill()
    post, = hook.wait("incident.opened", service="llama")
    number = post.json["incident"]["id"]

    row, = site.query("SELECT * FROM incident")
    assert row["id"] == number and row["service"] == "llama"

    status = site.status()
    assert status["status"] == "critical"
    assert [i["id"] for i in status["incidents"]] == [number]
    service = site.service_state("llama")
    assert service["state"] == "down" and service["processes"] == [] and service["reason"]

    incident = site.incident(number)
    assert incident["opened_at"] == post.json["incident"]["opened_at"]
    assert incident["timeline"] and incident["timeline"][0]["type"] == "opened"
    assert incident["alerts"][0]["rule"] == "ServiceDown"
    delivered = eventually(lambda: [n for n in site.incident(number)["notifications"]
                                    if n["state"] == "delivered"], "delivery in the incident")
    assert delivered[0]["webhook"] == "oncall" and delivered[0]["type"] == "incident.opened"

    for path in ("/", "/services/llama", f"/incidents/{number}"):
        page = site.tcp.get(path)
        assert page.status == 200 and "llama" in page.text, path
    assert incident["title"] in site.tcp.get("/").text.replace("&#39;", "'")
    assert site.cli("status").returncode == 2
    assert "llama" in site.cli("incidents").stdout
    assert incident["title"] in site.cli("incident", str(number)).stdout


def test_a_dead_service_takes_no_memory(site):
    """Its page does not show the last figure of a process as the present one."""
    def memory():
        shown = re.search(r'<h3>Memory</h3>\s*<p class="now">([^<]*)<',
                          site.tcp.get("/services/llama").text)
        return shown and shown[1]

    server = site.service("llama")
    hook = site.webhook()
    site.start()
    eventually(lambda: "iB" in (memory() or ""), "its memory")
    server.kill()
    hook.wait("incident.opened", service="llama")
    assert memory() == "no value now"


def test_json_is_the_apis_body(site):
    site.service("llama")
    site.start()
    site.wait_service("llama")
    site.servers["llama"].kill()
    number = site.wait_incident("llama")["id"]
    for arguments, path in ((("incidents",), "/v1/incidents"),
                            (("incident", str(number)), f"/v1/incidents/{number}")):
        assert site.cli(*arguments, "--json").stdout.rstrip("\n") == site.unix.get(
            path).text.rstrip("\n")


def test_restart_is_told(site):
    server = site.service("llama")
    hook = site.webhook()
    site.start()
    site.wait_service("llama")
    server.kill()
    opened, = hook.wait("incident.opened", service="llama")
    server.start()
    resolved, = hook.wait("incident.resolved", service="llama")
    assert resolved.json["incident"]["id"] == opened.json["incident"]["id"]
    assert resolved.json["incident"]["state"] == "resolved"
    assert resolved.json["incident"]["resolved_at"] >= resolved.json["incident"]["opened_at"]
    assert resolved.json["alerts"][0]["state"] == "resolved"
    assert resolved.id != opened.id
    service = site.wait_service("llama")
    assert service["restarts"] == 1 and service["processes"] == [server.pid]
    assert site.cli("status").returncode == 0
    assert site.incidents("open") == []


def die_and_come_back(site):
    """An incident that was opened and is over; the server and the webhook."""
    server, hook = site.start_and_kill()
    server.start()
    hook.wait("incident.resolved")
    return server, hook


def test_again_within_reopen_is_the_same_incident(site):
    server, hook = die_and_come_back(site)
    server.kill()
    first, second = hook.wait("incident.opened", count=2)
    assert first.json["incident"]["id"] == second.json["incident"]["id"]
    assert second.json["incident"]["state"] == "open"
    assert second.json["incident"]["resolved_at"] is None
    assert first.id != second.id
    assert len(site.incidents()) == 1


def test_after_reopen_it_is_another_one(site):
    site.section("daemon", reopen="1ms")
    server, hook = die_and_come_back(site)
    site.wait_service("llama")
    server.kill()
    hook.wait("incident.opened", count=2)
    assert len(site.incidents()) == 2


def test_replaced_within_an_interval_is_a_restart(site):
    site.section("daemon", interval="30s", evaluate="30s")
    server = site.service("llama")
    hook = site.webhook()
    site.start()
    site.wait_service("llama")
    server.replace()
    hook.wait("incident.opened", service="llama")
    hook.wait("incident.resolved", service="llama")
    service = site.wait_service("llama")
    assert service["restarts"] == 1 and service["processes"] == [server.pid]


def test_missing_at_start(site):
    site.service("llama", start=False)
    hook = site.webhook()
    site.start()
    hook.wait("incident.opened", service="llama")
    site.servers["llama"].start()
    hook.wait("incident.resolved", service="llama")


def test_not_expected_is_not_missed(site):
    site.service("spare", start=False)
    site.section("service", "spare", expected="no")
    site.service("llama", start=False)
    hook = site.webhook()
    site.start()
    hook.wait("incident.opened", service="llama")
    assert [i["service"] for i in site.incidents()] == ["llama"]


def test_expected_and_never_found(site):
    """What nobody can find is not well."""
    site.service("llama")
    site.service("lost", start=False, user="nosuch")
    site.start()
    site.wait_service("llama")
    status = eventually(lambda: (s := site.cli("status")).returncode and s, "a warning")
    assert status.returncode == 1
    assert status.stdout.startswith("WARNING, 1 service unknown (lost), no open incident\n")
    assert "<h1>1 service in unknown state</h1>" in site.tcp.get("/").text
    site.section("service", "lost", expected="no")
    site.reload()
    eventually(lambda: site.cli("status").returncode == 0, "all is well")


@pytest.mark.parametrize("how", ["gone", "replaced"])
def test_died_unobserved(site, how):
    server = site.service("llama")
    hook = site.webhook()
    site.start()
    site.wait_service("llama")
    site.daemon.stop()
    if how == "gone":
        server.kill()
    else:
        server.replace()
    site.start()
    post, = hook.wait("incident.opened", service="llama")
    assert "unobserved" in str(post.json)
    if how == "replaced":
        hook.wait("incident.resolved", service="llama")
        assert site.wait_service("llama")["restarts"] == 1


def test_daemon_restart_alone_is_nothing(site):
    server = site.service("llama")
    site.webhook()
    site.start()
    since = site.wait_service("llama")["since"]
    for _ in range(2):
        site.daemon.stop()
        site.start()
        site.wait_service("llama")
    service = site.service_state("llama")
    assert service["since"] == since and service["restarts"] == 0
    assert service["processes"] == [server.pid]
    assert site.incidents() == []


def test_open_incident_survives_a_restart(site):
    server, hook = site.start_and_kill()
    number = site.wait_incident("llama")["id"]
    site.daemon.stop()
    site.start()
    assert [i["id"] for i in site.incidents("open")] == [number]
    server.start()
    resolved, = hook.wait("incident.resolved")
    assert resolved.json["incident"]["id"] == number
    assert len(hook.wait("incident.opened")) == 1
    assert len({p.id for p in hook.posts if p.type == "incident.opened"}) == 1


def test_zombie_is_dead(site):
    server = site.service("llama")
    hook = site.webhook()
    site.start()
    site.wait_service("llama")
    server.kill(reap=False)
    hook.wait("incident.opened", service="llama")
    assert site.service_state("llama")["processes"] == []
    server.reap()


def test_child_of_a_main_process_is_none(site):
    server = site.service("llama")
    site.webhook()
    site.start()
    site.wait_service("llama")
    child = server.fork()
    metric = 'modelwatch_service_processes{service="llama"} 2'
    eventually(lambda: metric in site.tcp.get("/metrics").text, "the child counted")
    os.kill(child, signal.SIGKILL)
    metric = 'modelwatch_service_processes{service="llama"} 1'
    eventually(lambda: metric in site.tcp.get("/metrics").text, "the child gone")
    assert site.incidents() == []
    assert site.service_state("llama")["processes"] == [server.pid]


def test_one_of_two_main_processes(site):
    first = site.service("llama")
    second = site.server("second")
    site.section("service", "llama", executable=[first.path, second.path])
    second.start()
    hook = site.webhook()
    site.start()
    eventually(lambda: len(site.wait_service("llama")["processes"]) == 2, "both")
    first.kill()
    eventually(lambda: site.service_state("llama")["processes"] == [second.pid], "one of two")
    assert site.service_state("llama")["state"] == "up" and site.incidents() == []
    second.kill()
    hook.wait("incident.opened", service="llama")


def test_severity_and_match_choose_the_webhooks(site):
    server = site.service("llama")
    other = site.webhook("other", match="service=gemma")
    hook = site.webhook("oncall", severity="critical", match="service=~ll.*", send_resolved="no")
    site.start()
    site.wait_service("llama")
    server.kill()
    hook.wait("incident.opened")
    server.start()
    site.wait_incident("llama", "resolved")
    # The next notification shows that nothing came between.
    server.kill()
    hook.wait("incident.opened", count=2)
    assert [p.type for p in hook.delivered()] == ["incident.opened"] * 2
    assert other.posts == []


def test_alerts_that_cannot_be_made_are_counted(site):
    site.service("llama")
    site.section("alert", "TooManyLabels", expr="modelwatch_service_up == 1",
                 label=[f"l{i}=x" for i in range(64)])
    site.start()
    eventually(lambda: "alert that cannot be made" in site.daemon.log, "said once")
    # Values of before count from the first evaluation on.
    site.daemon.stop()
    site.daemon.start()
    site.daemon.wait_log("alert that cannot be made", count=2)
    eventually(lambda: re.search(r"^modelwatch_alerts_refused_total [1-9]",
                                 site.unix.get("/metrics").text, re.M), "a count")
    assert site.daemon.log.count("alert that cannot be made") == 2


def test_clock_of_the_notification(site):
    server = site.service("llama")
    hook = site.webhook()
    site.start()
    site.wait_service("llama")
    before = time.time()
    server.kill()
    post, = hook.wait("incident.opened")
    opened = datetime.fromisoformat(post.json["incident"]["opened_at"].replace("Z", "+00:00"))
    assert before - 1 <= opened.timestamp() <= time.time() + 1
    assert post.json["time"].endswith("Z") and len(post.json["time"]) == 24
