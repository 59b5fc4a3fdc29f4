# SPDX-License-Identifier: Apache-2.0
"""What the benches measure with: times, memory and CPU of processes, the disk's fsync."""
import os
import pathlib
import socket
import struct
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))


def quantile(values, q):
    """The value that q of all values do not exceed (nearest rank)."""
    ordered = sorted(values)
    rank = max(1, -int(-q * len(ordered) // 1))
    return ordered[rank - 1]


def spread(values):
    """Minimum, median, 99th percentile and maximum as text; VALUES in milliseconds."""
    return "  ".join(f"{name} {quantile(values, q):7.2f}" for name, q in
                     (("min", 0), ("median", 0.5), ("p99", 0.99), ("max", 1)))


def fsync_ms(directory, count=100):
    """How long a 4 KiB append and fdatasync take on this disk: a list of milliseconds."""
    path = pathlib.Path(directory) / "fsync"
    fd = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
    try:
        found = []
        for _ in range(count):
            start = time.monotonic_ns()
            os.write(fd, b"x" * 4096)
            os.fdatasync(fd)
            found.append((time.monotonic_ns() - start) / 1e6)
        return found
    finally:
        os.close(fd)
        path.unlink()


class ExitEvents:
    """The kernel's own exit events (proc connector), to see when it tells of a death."""

    # linux/netlink.h, linux/connector.h, linux/cn_proc.h
    _NETLINK_CONNECTOR, _CN_IDX_PROC, _CN_VAL_PROC = 11, 1, 1
    _NLMSG_DONE, _PROC_CN_MCAST_LISTEN, _PROC_EVENT_EXIT = 3, 1, 0x80000000
    _HEADERS = struct.calcsize("=IHHII") + struct.calcsize("=IIIIHH")

    def __init__(self):
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM,
                                     self._NETLINK_CONNECTOR)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        self._socket.bind((0, self._CN_IDX_PROC))
        body = struct.pack("=IIIIHHI", self._CN_IDX_PROC, self._CN_VAL_PROC, 0, 0, 4, 0,
                           self._PROC_CN_MCAST_LISTEN)
        self._socket.send(struct.pack("=IHHII", 16 + len(body), self._NLMSG_DONE, 0, 0, 0) + body)

    def wait(self, pid):
        """Waits for the exit of that process; returns CLOCK_MONOTONIC in ns when it was told."""
        while True:
            data = self._socket.recv(8192)
            now = time.monotonic_ns()
            what, _, _, of, tgid = struct.unpack_from("=IIQII", data, self._HEADERS)
            if what == self._PROC_EVENT_EXIT and of == tgid == pid:
                return now

    def close(self):
        self._socket.close()


def memory(pids):
    """Proportional and anonymous memory of all these processes together, in KiB."""
    sums = {"Pss": 0, "Pss_Anon": 0, "Rss": 0}
    for pid in pids:
        for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            name, _, value = line.partition(":")
            if name in sums:
                sums[name] += int(value.split()[0])
    return sums


def shared_with(pids):
    """Libraries that other processes map as well, and so how many carry a part of them: PSS would
    be larger without them."""
    def libraries(pid):
        try:
            return {line.split(None, 5)[5].strip() for line in
                    pathlib.Path(f"/proc/{pid}/maps").read_text().splitlines() if ".so" in line}
        except OSError:
            return set()
    ours = set().union(*map(libraries, pids))
    others = [libraries(int(p)) for p in os.listdir("/proc") if p.isdigit()
              and int(p) not in pids]
    counts = {pathlib.Path(name).name: sum(name in other for other in others) for name in ours}
    large = ("libcurl", "libcrypto", "libssl", "libsqlite3", "libgnutls", "libmicrohttpd")
    return {name: n for name, n in sorted(counts.items()) if n and name.startswith(large)}


def cpu_seconds(pids):
    """CPU time that these processes have used, all their threads: the scheduler's nanoseconds."""
    total = 0
    for pid in pids:
        for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
            try:
                total += int((task / "schedstat").read_text().split()[0])
            except OSError:
                continue  # the thread ended
    return total / 1e9


def machine_busy():
    """Busy CPU seconds of the whole machine since its boot."""
    fields = [int(x) for x in pathlib.Path("/proc/stat").read_text().split("\n")[0].split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) / os.sysconf("SC_CLK_TCK")
