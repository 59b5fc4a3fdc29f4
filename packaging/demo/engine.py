# SPDX-License-Identifier: Apache-2.0
"""Runs requests through the model in one thread, a token of each running request a step.

This is continuous batching as the big servers do it: requests wait in a queue, enter the batch as
soon as it has room and the context cache holds their prompt and everything that they may generate,
and leave it when they end.
"""

import collections
import queue
import random
import threading
import time

RUNNING_MAX = 4  # requests in the batch
WAITING_MAX = 64  # requests in the queue; more are refused
CONTEXT_MAX = 1024  # tokens of one request, prompt and completion together
CACHE_TOKENS = RUNNING_MAX * CONTEXT_MAX // 2  # tokens held for all running requests


class Busy(Exception):
    """The queue is full, or the engine is stopping."""


class Request:
    """One completion. Its TOKENS queue gets each token's text, then None; then REASON is set."""

    def __init__(self, prompt, max_tokens, temperature=1.0, seed=None):
        self.context = list(prompt)
        self.prompt_tokens = len(prompt)
        self.generated = 0
        self.max_tokens, self.temperature = max_tokens, temperature
        self.random = random.Random(seed)
        self.reason = None
        self.cancelled = False  # set by whoever no longer wants the answer
        self.tokens = queue.SimpleQueue()
        self.arrived = time.monotonic()
        self.last = None  # when the newest token came

    @property
    def reserved(self):
        return self.prompt_tokens + self.max_tokens


class Engine:
    def __init__(self, model, metrics):
        self.model, self.metrics = model, metrics
        self._waiting, self._running = collections.deque(), []
        self._changed = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="engine")

    def start(self):
        self._thread.start()

    def stop(self):
        """Refuses new requests, ends those it has, and returns when that is done."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self._thread.join()

    def alive(self):
        return self._thread.is_alive()

    def submit(self, request):
        """Queues REQUEST. Raises Busy."""
        with self._changed:
            if self._stopping or len(self._waiting) >= WAITING_MAX:
                raise Busy
            self._waiting.append(request)
            self._changed.notify()

    def gauges(self):
        with self._changed:
            held = sum(len(request.context) for request in self._running)
            return {
                "vllm:num_requests_running": len(self._running),
                "vllm:num_requests_waiting": len(self._waiting),
                "vllm:kv_cache_usage_perc": held / CACHE_TOKENS,
            }

    def _run(self):
        while self._admit():
            self._step()

    def _admit(self):
        """Fills the batch, waiting while there is nothing to do. False: stopped."""
        with self._changed:
            while not self._waiting and not self._running:
                if self._stopping:
                    return False
                self._changed.wait()
            reserved = sum(request.reserved for request in self._running)
            while self._waiting and len(self._running) < RUNNING_MAX:
                if reserved + self._waiting[0].reserved > CACHE_TOKENS:
                    break
                reserved += self._waiting[0].reserved
                self._running.append(self._waiting.popleft())
            return True

    def _step(self):
        tokens = 0
        for request in self._running:
            if request.last is None:
                self.metrics.count("vllm:prompt_tokens_total", request.prompt_tokens)
                tokens += request.prompt_tokens
            if not request.cancelled:
                self._generate(request)
                tokens += 1
            self._finish(request)
        self.metrics.observe("vllm:iteration_tokens_total", tokens)
        with self._changed:
            self._running = [request for request in self._running if request.reason is None]

    def _generate(self, request):
        token = self.model.next(request.context, request.temperature, request.random)
        request.context.append(token)
        request.generated += 1
        now = time.monotonic()
        if request.last is None:
            self.metrics.observe("vllm:time_to_first_token_seconds", now - request.arrived)
        else:
            self.metrics.observe("vllm:inter_token_latency_seconds", now - request.last)
        request.last = now
        self.metrics.count("vllm:generation_tokens_total", 1)
        if token != self.model.end_of_text:
            request.tokens.put(self.model.vocabulary[token])

    def _finish(self, request):
        """Says why the request has ended, if it has."""
        if request.cancelled:
            reason = "abort"
        elif request.generated and request.context[-1] == self.model.end_of_text:
            reason = "stop"
        elif request.generated >= request.max_tokens:
            reason = "length"
        else:
            return
        self.metrics.observe("vllm:e2e_request_latency_seconds", time.monotonic() - request.arrived)
        self.metrics.finished(reason)
        request.reason = reason
        request.tokens.put(None)
