# SPDX-License-Identifier: Apache-2.0
"""A server that something starts again and again: who is told, how often, and with what."""
from harness.wait import eventually


def _crash(site, server, rounds):
    for _ in range(rounds):
        before = site.service_state("llama")["restarts"]
        server.replace()
        eventually(lambda: (s := site.service_state("llama"))["state"] == "up"
                   and s["restarts"] == before + 1, "restart seen")


def test_is_held(site):
    server = site.service("llama")
    hook = site.webhook()
    site.start()
    site.wait_service("llama")
    _crash(site, server, 9)
    flapping, = hook.wait("incident.flapping", service="llama")
    number = flapping.json["incident"]["id"]
    _crash(site, server, 6)
    eventually(lambda: all(n["state"] == "delivered"
                           for n in site.incident(number)["notifications"]), "deliveries")
    told = [post.type for post in hook.delivered() if post.json["incident"]["id"] == number]
    assert told[-1] == "incident.flapping" and told.count("incident.flapping") == 1, told
    turns = [turn["type"] for turn in site.incident(number)["timeline"]]
    assert turns.index("flapping") < len(turns) - 6, turns


def test_is_told_to_be_up(site):
    """Whoever was told that it is down hears that it is not, though that it restarts is less than they take."""
    server = site.service("llama")
    everybody, urgent = site.webhook("everybody"), site.webhook("urgent", severity="critical")
    site.start()
    site.wait_service("llama")
    _crash(site, server, 4)
    for hook in everybody, urgent:
        eventually(lambda: [(p.type, p.json["incident"]["severity"]) for p in hook.delivered()][-1]
                   == ("incident.updated", "warning"), "told that it is up")


def test_end_is_told_after_a_downtime(site):
    """Who was told that it flaps hears of its end, however long the host was down meanwhile."""
    server = site.service("llama")
    hook = site.webhook()
    site.start()
    site.wait_service("llama")
    _crash(site, server, 9)
    flapping, = hook.wait("incident.flapping", service="llama")
    number = flapping.json["incident"]["id"]
    site.daemon.stop()
    # It was up at the last, two hours ago.
    site.execute("UPDATE incident SET state = 'resolved', resolved_ms = flap_turned_ms - 7200000,"
                 " opened_ms = opened_ms - 7200000;"
                 "UPDATE alert SET state = 'resolved', ended_ms = started_ms - 7200000,"
                 " started_ms = started_ms - 7200000;"
                 "UPDATE timeline SET time_ms = time_ms - 7200000")
    site.start()
    eventually(lambda: site.incident(number)["timeline"][-1]["type"] == "settled", "settled")
    eventually(lambda: [post.type for post in hook.delivered()
                        if post.json["incident"]["id"] == number][-1] == "incident.resolved",
               "its end")


def test_is_one_incident(site):
    """That it restarts takes over from that it is down within one evaluation."""
    server = site.service("llama")
    hook = site.webhook()
    site.start()
    site.wait_service("llama")
    _crash(site, server, 6)
    assert [i["id"] for i in site.incidents("all")] == [1]
    told = [post.type for post in hook.delivered()]
    assert told.count("incident.opened") <= 3, told


def test_tells_why_after_a_kill(site):
    server = site.service("llama")
    site.webhook()
    site.start()
    site.wait_service("llama")
    _crash(site, server, 3)
    site.daemon.kill("engine")
    eventually(lambda: site.role_states()["engine"]["restarts"] == 1, "another engine")
    site.wait_service("llama")
    _crash(site, server, 1)
    server.kill()
    site.wait_service("llama", "down")
    alert, = [a for a in site.incident(1)["alerts"] if a["rule"] == "ServiceRestarting"]
    assert "SIGKILL" in alert["summary"], alert


def test_tells_why(site):
    """The restarting alert names the last end, also after the server is up again."""
    server = site.service("llama")
    hook = site.webhook()
    site.start()
    site.wait_service("llama")
    _crash(site, server, 4)
    for post in hook.posts:
        for alert in post.json["alerts"]:
            if alert["rule"] == "ServiceRestarting":
                evidence = {e["name"]: e["text"] for e in alert["evidence"]}
                assert "SIGKILL" in evidence["exit"] and "SIGKILL" in alert["summary"], alert
                return
    raise AssertionError("nobody was told that it restarts")


def test_numbers_agree(site):
    """What is said of a loop is true after each turn of it, and when a person acts."""
    server = site.service("llama")
    hook = site.webhook()
    site.start()
    site.wait_service("llama")

    def restarting(alerts):
        alert, = [a for a in alerts if a["rule"] == "ServiceRestarting"]
        return alert

    def is_said(restarts):
        alert = restarting(site.incident(1)["alerts"])
        return alert["value"] == restarts and f" {restarts} times" in alert["summary"]

    _crash(site, server, 2)
    for restarts in range(3, 9):
        _crash(site, server, 1)
        eventually(lambda: is_said(restarts), f"{restarts} restarts")
    assert site.cli("ack", "1").returncode == 0
    post, = hook.wait("incident.acknowledged", service="llama")
    alert = restarting(post.json["alerts"])
    assert alert["value"] == 8 and " 8 times" in alert["summary"], alert


def test_resolve_outlives_a_restart(site):
    """What a person resolved stays so while it goes on, whatever was resolved since."""
    server = site.service("llama")
    hook = site.webhook()
    site.start()
    site.wait_service("llama")
    server.kill()
    post, = hook.wait("incident.opened", service="llama")
    number = post.json["incident"]["id"]
    assert site.cli("resolve", str(number)).returncode == 0
    hook.wait("incident.resolved", service="llama")
    site.daemon.stop()
    site.execute("WITH RECURSIVE n(i) AS (SELECT 1000 UNION ALL SELECT i + 1 FROM n WHERE i < 1300)"
                 " INSERT INTO incident (id, state, severity, title, service, runbook, opened_ms,"
                 " resolved_ms, reopened) SELECT i, 'resolved', 'critical', 't', 's', '', 1, 2, 0"
                 " FROM n")
    site.start()
    eventually(lambda: site.service_state("llama")["state"] == "down", "service still down")
    eventually(lambda: site.tcp.get("/healthz").status == 200, "health")
    alert, = site.incident(number)["alerts"]
    assert (alert["rule"], alert["state"]) == ("ServiceDown", "firing")
    assert site.incidents("open") == []
    assert [p.type for p in hook.delivered()] == ["incident.opened", "incident.resolved"]
