# SPDX-License-Identifier: Apache-2.0
"""A process that is watched: a copy of served.c under a name and arguments of its own."""
import os
import pathlib
import resource
import shutil
import signal
import subprocess

from .places import BUILD
from .wait import eventually

PROGRAM = BUILD / "tests" / "integration" / "served"


class Server:
    """One program that can be started, ended in every way, and started again.

    `path` is the executable, made as a copy, so that a service found by its executable is this one
    only."""

    def __init__(self, path, arguments=(), preexec=None, cores=False, argv0=None):
        self.path = pathlib.Path(path)
        self.arguments = [str(a) for a in arguments]
        self.argv0 = argv0
        self._preexec = preexec
        self._cores = cores
        self._process = None
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if not self.path.exists():
            shutil.copy(PROGRAM, self.path)

    def _prepare(self):
        limit = resource.RLIM_INFINITY if self._cores else 0
        resource.setrlimit(resource.RLIMIT_CORE, (limit, resource.RLIM_INFINITY))
        if self._preexec:
            self._preexec()

    def start(self):
        """Starts it and waits until its program runs. Returns its pid."""
        self._process = subprocess.Popen(
            [self.argv0 or str(self.path), *self.arguments], executable=str(self.path),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=self.path.parent,
            preexec_fn=self._prepare)
        line = self._process.stdout.readline()
        assert line == b"ready\n", f"{self.path} did not start"
        return self.pid

    @property
    def pid(self):
        return self._process.pid

    @property
    def running(self):
        return self._process is not None and self._process.poll() is None

    def _say(self, line):
        self._process.stdin.write(line.encode() + b"\n")
        self._process.stdin.flush()

    def fork(self):
        """Starts a child of it. Returns the child's pid."""
        self._say("fork")
        return int(self._process.stdout.readline())

    def leave_heir(self):
        """Starts a child that takes its place, with its sockets, once it is gone. Returns the pid."""
        self._say("heir")
        return int(self._process.stdout.readline())

    def nest(self, files):
        """Starts a child with a child of its own that has files open. Returns both pids."""
        self._say(f"nest {files}")
        return int(self._process.stdout.readline()), int(self._process.stdout.readline())

    def grow(self, mebibytes):
        """Gives it memory and another thread: the end of both takes a while."""
        self._say(f"grow {mebibytes}")
        assert int(self._process.stdout.readline()) > 0, "no memory, or no thread"

    def open_files(self, count):
        """Opens so many files, or as many as it may. Returns how many."""
        self._say(f"open {count}")
        return int(self._process.stdout.readline())

    def hang(self, file):
        """Makes it hang with its memory locked until FILE, a SilentFile, is released."""
        self._say(f"hang {file.path}")
        eventually(lambda: file.waiting > 0, f"{self.path} hangs")

    def title(self, text):
        """Makes it write TEXT over its arguments."""
        self._say(f"title {text}")
        assert self._process.stdout.readline() == b"titled\n"

    def send(self, number):
        """Sends a signal without waiting for what comes of it."""
        os.kill(self.pid, number)

    def kill(self, number=signal.SIGKILL, reap=True):
        """Ends it by a signal."""
        self.send(number)
        if reap:
            self.reap()

    def exit(self, code):
        """Makes it end with that status."""
        self._say(f"exit {code}")
        self.reap()

    def crash(self):
        """Makes it touch memory that is not there."""
        self._say("crash")
        self.reap()

    def reap(self):
        """Waits for its end, and takes the zombie away."""
        self._process.wait()
        self._process.stdin.close()
        self._process.stdout.close()

    def replace(self):
        """Another process of the same program in the place of this one. Returns its pid."""
        self.kill()
        return self.start()

    def close(self):
        """Ends it if it runs."""
        if self.running:
            self.kill()
