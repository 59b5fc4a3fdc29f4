# SPDX-License-Identifier: Apache-2.0
"""kill -9 of any role, and of all of them, at any moment of an incident: nothing is lost, nothing
is sent under two ids.

Each round is a story: a service dies, somebody is told; it comes back, somebody is told; perhaps
once more. Into each step falls the death of a role, of the supervisor or of everything, some random
moments before or after. After everything was killed the daemon is started again, sometimes only
after the service died unobserved. The seed is printed; MW_TEST_SEED repeats it."""
import collections
import datetime
import os
import random
import threading

from harness.places import ROLES, sanitized
from harness.wait import eventually

SPREAD = 0.08     # seconds around a step in which the killing falls
STORIES_AT_ONCE = 3


class Killer:
    """Kills parts of one daemon and sees that it runs again."""

    def __init__(self, site, rng):
        self.site = site
        self.rng = rng
        self.kills = collections.Counter()
        self.history = []  # (wall time, what) of everything that was done, to understand a failure

    def note(self, what):
        now = datetime.datetime.now(datetime.timezone.utc)
        self.history.append(f"{now.isoformat(timespec='milliseconds')[:23]} {what}")

    def around(self, verb, name):
        """Does it to a server, with a killing of something at a random moment around it."""
        def step():
            self.note(f"{verb} {name}")
            getattr(self.site.servers[name], verb)()
        victim = self.rng.choice([*ROLES, "all", "all", "supervisor"])
        before = self.rng.random() < 0.5
        pause = threading.Event()
        kill = threading.Thread(target=lambda: (
            pause.wait(self.rng.uniform(0, SPREAD)), self.kill(victim)))
        down = victim in ("all", "supervisor")
        if before:
            kill.start()
            pause.wait(self.rng.uniform(0, SPREAD))
            step()
        else:
            step()
            kill.start()
        kill.join()
        if down:
            self.note("start the daemon")
            self.site.daemon.start()
            self.note("it is ready")

    def kill(self, victim):
        daemon = self.site.daemon
        self.note(f"kill -9 {victim}")
        if victim == "all":
            daemon.kill_all()
        elif victim == "supervisor":
            daemon.kill()
        elif not daemon.kill(victim):
            return
        self.kills[victim] += 1


def _stories(site, hook, killer, names):
    """Some services die and come back, one or two times, and are waited for after each step."""
    times = killer.rng.randint(1, 2)
    for number in range(1, times + 1):
        for verb, kind in (("kill", "incident.opened"), ("start", "incident.resolved")):
            for name in names:
                killer.around(verb, name)
            for name in names:
                hook.wait(kind, count=number, service=name)
    return times


def _check_incident(site, hook, killer, name, times):
    """What database and receiver know of one service agrees with what happened to it."""
    incident, = [i for i in site.incidents() if i["service"] == name]
    whole = site.incident(incident["id"])
    assert incident["state"] == "resolved"
    turns = [t["type"] for t in whole["timeline"] if t["type"] in ("opened", "reopened")]
    told = [p for p in hook.delivered() if p.service == name]
    story = "\n".join([f"the story of {name}:", *(f"{t['time']} {t}" for t in whole["timeline"]),
                       *(f"{p.json['time']} {p.type} {p.id}" for p in told), *killer.history])
    assert turns == ["opened"] + ["reopened"] * (times - 1), story
    assert [p.type for p in told] == ["incident.opened", "incident.resolved"] * times, story
    rows = [n for n in whole["notifications"] if n["webhook"] == "oncall"]
    assert [n["type"] for n in rows] == [p.type for p in told]


def test_kill_anytime(site):
    seed = int(os.environ.get("MW_TEST_SEED") or random.SystemRandom().randrange(2**32))
    kills = int(os.environ.get("MW_TEST_KILLS") or (40 if sanitized() else 120))
    print("seed", seed)
    site.section("daemon", reopen="1h")
    hook = site.webhook()
    killer = Killer(site, random.Random(seed))
    names = [f"s{number}" for number in range(kills)]
    for name in names:
        site.service(name)
    site.start()
    eventually(lambda: sum(s["state"] == "up" for s in site.status()["services"]) == len(names),
               "all services up")
    happened = {}
    waiting = names[:]
    while sum(killer.kills.values()) < kills:
        chosen = [waiting.pop() for _ in range(min(STORIES_AT_ONCE, len(waiting)))]
        assert chosen, "more services than kills"
        times = _stories(site, hook, killer, chosen)
        happened.update((name, times) for name in chosen)
    print("kills", dict(killer.kills))
    eventually(lambda: not [n for i in site.incidents()
                            for n in site.incident(i["id"])["notifications"]
                            if n["state"] != "delivered"], "an empty outbox")
    assert {i["service"] for i in site.incidents()} == set(happened)
    for name, times in happened.items():
        _check_incident(site, hook, killer, name, times)
    ids = collections.defaultdict(set)
    for post in hook.posts:
        ids[post.id].add(post.body)
    assert not [i for i, bodies in ids.items() if len(bodies) > 1], "one id for two messages"
