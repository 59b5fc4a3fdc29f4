#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Sends completions to a server at a gentle rate that rises and falls, as people's requests do.

Never more than RATE_MAX requests a second and THREADS at once. A server that is away is asked again
every few seconds until it is back.
"""

import argparse
import http.client
import json
import math
import random
import signal
import sys
import threading
import time
import urllib.error
import urllib.request

RATE_MAX = 20.0  # requests a second, whatever is asked for
THREADS = 3  # requests under way at once
SWING_SECONDS = 300  # from one busy time to the next
AWAY_SECONDS = 3  # before a server that does not answer is asked again
PROMPTS = (
    "The keeper of the lighthouse",
    "A ship at night",
    "When the lamp failed, ",
    "The old keeper said that ",
    "In the village they say",
    "Two boats are out ",
    "Every evening she walked ",
    "The bell rang, and ",
    "There are many ways ",
    "In the spring a man ",
)


def pause(mean_rate, now, draw):
    """Seconds until one thread's next request: exponential, around a rate that swings by half."""
    rate = mean_rate * (1 + 0.5 * math.sin(2 * math.pi * now / SWING_SECONDS)) / THREADS
    return max(draw.expovariate(rate), THREADS / RATE_MAX)


def body(model_name, draw):
    """One request's body. One in fifty asks for too much and is refused, as happens daily."""
    tokens = 100_000 if draw.random() < 0.02 else draw.randint(20, 200)
    return {"model": model_name, "prompt": draw.choice(PROMPTS), "max_tokens": tokens,
            "temperature": draw.choice((0, 0.4, 0.7)), "stream": draw.random() < 0.3}


def send(url, fields):
    """Sends one request and reads the whole answer. False: there is no server."""
    request = urllib.request.Request(
        f"{url}/v1/completions", json.dumps(fields).encode(),
        {"Content-Type": "application/json", "User-Agent": "modelwatch-demo-client/1"})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            answer.read()
    except urllib.error.HTTPError as answer:
        answer.close()
    except (OSError, http.client.HTTPException):
        return False
    return True


def run(url, model_name, rate, stop, count, seed):
    """One thread: COUNT requests, or as many as there are until STOP is set."""
    draw = random.Random(seed)
    while count != 0 and not stop.is_set():
        there = send(url, body(model_name, draw))
        count -= 1
        stop.wait(pause(rate, time.time(), draw) if there else AWAY_SECONDS)


def main():
    parser = argparse.ArgumentParser(description="Send requests to an inference server, gently.")
    parser.add_argument("--url", default="http://127.0.0.1:18000", help="default: %(default)s")
    parser.add_argument("--model", required=True, help="the model's name")
    parser.add_argument("--rate", type=float, default=3.0, help="requests a second (%(default)s)")
    parser.add_argument("--count", type=int, default=-1, help="of each thread; default: no end")
    options = parser.parse_args()
    if not 0 < options.rate <= RATE_MAX:
        parser.error(f"--rate must be above 0 and at most {RATE_MAX:g}")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    threads = [
        threading.Thread(target=run, args=(options.url, options.model, options.rate, stop,
                                           options.count, seed))
        for seed in range(THREADS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return 0


if __name__ == "__main__":
    sys.exit(main())
