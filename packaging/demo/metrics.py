# SPDX-License-Identifier: Apache-2.0
"""What the server counts, under vLLM's names, in the Prometheus text format 0.0.4."""

import bisect
import os
import threading
import time

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
PAGE = os.sysconf("SC_PAGE_SIZE")
SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5,
           5, 10)
TOKENS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
FINISHED = ("stop", "length", "abort")  # every value of finished_reason

GAUGES = {
    "vllm:num_requests_running": "Requests in the engine's batch.",
    "vllm:num_requests_waiting": "Requests waiting to enter the batch.",
    "vllm:kv_cache_usage_perc": "Share of the context cache in use; 1 means 100 percent.",
}
COUNTERS = {
    "vllm:prompt_tokens_total": "Prompt tokens processed.",
    "vllm:generation_tokens_total": "Tokens generated.",
}
HISTOGRAMS = {
    "vllm:iteration_tokens_total": ("Tokens for each step of the engine.", TOKENS),
    "vllm:time_to_first_token_seconds": ("From a request's arrival to its first token.", SECONDS),
    "vllm:inter_token_latency_seconds": ("Between one token of a request and its next.", SECONDS),
    "vllm:e2e_request_latency_seconds": ("From a request's arrival to its last token.", SECONDS),
}


def _quote(value):
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


class Histogram:
    def __init__(self, bounds):
        self.bounds, self.counts, self.sum = bounds, [0] * (len(bounds) + 1), 0.0

    def observe(self, value):
        self.counts[bisect.bisect_left(self.bounds, value)] += 1
        self.sum += value

    def lines(self, name, labels):
        total = 0
        for bound, count in zip((*self.bounds, "+Inf"), self.counts):
            total += count
            yield f'{name}_bucket{{{labels},le="{bound}"}} {total}'
        yield f"{name}_sum{{{labels}}} {self.sum:.9g}"
        yield f"{name}_count{{{labels}}} {total}"


class Metrics:
    """Counts from any thread; render() is one consistent picture."""

    def __init__(self, model_name):
        self._labels = f'model_name="{_quote(model_name)}",engine="0"'
        self._lock = threading.Lock()
        self._counters = dict.fromkeys(COUNTERS, 0)
        self._finished = dict.fromkeys(FINISHED, 0)
        self._histograms = {name: Histogram(bounds) for name, (_, bounds) in HISTOGRAMS.items()}
        self._started = time.time()

    def count(self, name, amount):
        with self._lock:
            self._counters[name] += amount

    def observe(self, name, value):
        with self._lock:
            self._histograms[name].observe(value)

    def finished(self, reason):
        with self._lock:
            self._finished[reason] += 1

    def render(self, gauges):
        """The whole page; GAUGES holds the value of each of GAUGES' names."""
        with self._lock:
            return "\n".join([*self._process(), *self._families(gauges)]) + "\n"

    def _process(self):
        with open("/proc/self/statm", encoding="ascii") as file:
            resident = int(file.read().split()[1]) * PAGE
        yield "# HELP process_resident_memory_bytes Resident memory size in bytes."
        yield "# TYPE process_resident_memory_bytes gauge"
        yield f"process_resident_memory_bytes {resident}"
        yield "# HELP process_start_time_seconds Start time of the process since the Unix epoch."
        yield "# TYPE process_start_time_seconds gauge"
        yield f"process_start_time_seconds {self._started:.3f}"

    def _families(self, gauges):
        for name, text in GAUGES.items():
            yield f"# HELP {name} {text}\n# TYPE {name} gauge"
            yield f"{name}{{{self._labels}}} {gauges[name]:.9g}"
        for name, text in COUNTERS.items():
            yield f"# HELP {name} {text}\n# TYPE {name} counter"
            yield f"{name}{{{self._labels}}} {self._counters[name]}"
        name = "vllm:request_success_total"
        yield f"# HELP {name} Requests that ended.\n# TYPE {name} counter"
        for reason, count in self._finished.items():
            yield f'{name}{{{self._labels},finished_reason="{reason}"}} {count}'
        for name, (text, _) in HISTOGRAMS.items():
            yield f"# HELP {name} {text}\n# TYPE {name} histogram"
            yield from self._histograms[name].lines(name, self._labels)
