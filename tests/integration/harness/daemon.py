# SPDX-License-Identifier: Apache-2.0
"""A real modelwatchd: started as systemd would, observed, stopped, killed."""
import os
import pathlib
import re
import signal
import socket
import subprocess
import threading
import time

from .places import ROLES, UNITS, as_user
from .wait import DEADLINE, await_condition, eventually

_REPORT = re.compile(r"AddressSanitizer|LeakSanitizer|UndefinedBehaviorSanitizer|runtime error:"
                     r"|Assertion .* failed")


def children(parent):
    """The pids of a process's children."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                stat = pathlib.Path("/proc", entry, "stat").read_text(errors="replace")
            except OSError:
                continue
            state, ppid = stat[stat.rindex(")") + 2:].split()[:2]
            if int(ppid) == parent and state not in "ZX":
                found.append(int(entry))
    return found


def command_line(pid):
    """The arguments of a process, [] if it is gone."""
    try:
        return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().decode(
            errors="replace").split("\0")[:-1]
    except OSError:
        return []


class NotifySocket:
    """What systemd listens on: every message of sd_notify(3), in order."""

    def __init__(self, path):
        self.path = path
        self.messages = []
        self.changed = threading.Condition()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        os.chmod(path, 0o777)
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self):
        while True:
            try:
                message = self._socket.recv(65536).decode()
            except OSError:
                return
            if not message:
                return
            with self.changed:
                self.messages.append(dict(line.partition("=")[::2]
                                          for line in message.splitlines()))
                self.changed.notify_all()

    def values(self, key):
        """Every value that was sent for KEY."""
        return [m[key] for m in self.messages if key in m]

    def close(self):
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


class Daemon:
    """One modelwatchd in the directories of its site. Every start of it is another process; the
    log is of all of them."""

    def __init__(self, programs, directory, config, user=None, environment=None):
        self.programs = programs
        self.directory = directory
        self.config = config
        self.state = directory / "state"
        self.runtime = directory / "run"
        self.user = user
        self.environment = dict(environment or {})
        self.log_lines = []
        self.log_times = []  # monotonic, in ns, of each line's arrival
        self.changed = threading.Condition()
        self.notify = None
        self._process = None
        self._reader = None

    # Life.

    def command(self, *options):
        """The command that starts it, as its user."""
        command = [str(self.programs / "modelwatchd"), "--config", str(self.config),
                   "--state-directory", str(self.state), "--runtime-directory", str(self.runtime),
                   *options]
        return as_user(self.user, command) if self.user else command

    def launch(self, *options):
        """Starts it without waiting."""
        if self.notify:
            self.notify.close()
            self.notify.path.unlink()
        self.notify = NotifySocket(self.directory / "notify")
        environment = {k: v for k, v in os.environ.items() if not k.startswith(
            ("MODELWATCH", "STATE_DIR", "RUNTIME_DIR", "CREDENTIALS_"))}
        environment.update(NOTIFY_SOCKET=str(self.notify.path), **self.environment)
        self._process = subprocess.Popen(
            self.command(*options), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, env=environment, cwd=self.directory, start_new_session=True)
        self._reader = threading.Thread(target=self._read_log, args=(self._process.stderr,),
                                        daemon=True)
        self._reader.start()
        return self

    def start(self, *options):
        """Starts it and waits until it says that it is ready."""
        self.launch("--log-level", "debug", *options)
        self.wait_ready()
        return self

    def wait_ready(self):
        """Waits for READY=1."""
        def ready():
            assert self._process.poll() is None, \
                f"the daemon ended with {self._process.returncode}\n{self.log}"
            return self.notify.values("READY")
        eventually(ready, f"readiness of the daemon\n{self.log}")

    def wait_exit(self):
        """Waits for its end. Returns the exit status, -SIGNAL where one ended it."""
        status = self._process.wait(DEADLINE)
        # Roles that outlive the supervisor for a moment hold the log open.
        self._reader.join(DEADLINE)
        return status

    def stop(self):
        """Stops it as systemd does and expects a clean end. Nothing if it does not run."""
        if not self.running:
            return
        self._process.send_signal(signal.SIGTERM)
        status = self.wait_exit()
        assert status == 0, f"the daemon ended with {status}\n{self.log}"

    def reload(self):
        """SIGHUP; returns when it says that the reload is over."""
        before = len(self.notify.values("READY"))
        self._process.send_signal(signal.SIGHUP)
        with self.notify.changed:
            await_condition(self.notify.changed,
                            lambda: len(self.notify.values("READY")) > before, "reload")

    def kill(self, role=None):
        """kill -9 of a role, or of the supervisor alone (None). Whether there was one."""
        pid = self.pid if role is None else self.roles().get(role)
        try:
            os.kill(pid, signal.SIGKILL)
        except (TypeError, ProcessLookupError):
            return False
        if role is None:
            self._process.wait()
        return True

    def kill_all(self):
        """kill -9 of everything, the supervisor first."""
        roles = self.role_pids()
        self.kill()
        for pid in roles:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    @property
    def running(self):
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self):
        return self._process.pid

    def role_pids(self):
        """All processes beneath the supervisor."""
        return children(self.pid)

    def roles(self):
        """{role: pid} of those that run their program now."""
        found = {}
        for pid in children(self.pid):
            program = (command_line(pid) or [""])[0].rpartition("/")[2]
            name = program.removeprefix("modelwatch-")
            if name in (*ROLES, UNITS):
                found[name] = pid
        return found

    # What it says.

    def _read_log(self, stream):
        with stream:
            for line in stream:
                now = time.monotonic_ns()
                with self.changed:
                    self.log_times.append(now)
                    self.log_lines.append(line.decode(errors="replace").rstrip("\n"))
                    self.changed.notify_all()

    @property
    def log(self):
        return "\n".join(self.log_lines)

    def wait_log(self, pattern, count=1):
        """Waits for COUNT lines that match the regular expression; returns them."""
        def found():
            lines = [line for line in self.log_lines if re.search(pattern, line)]
            return lines if len(lines) >= count else None
        with self.changed:
            return await_condition(self.changed, found, f"log line {pattern!r}")

    def reports(self):
        """Lines of the log in which a sanitizer or an assertion speaks."""
        return [line for line in self.log_lines if _REPORT.search(line)]

    def close(self):
        """Ends it in any case."""
        if self.running:
            self.kill_all()
        if self.notify:
            self.notify.close()
