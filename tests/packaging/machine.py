# SPDX-License-Identifier: Apache-2.0
"""A machine with a real systemd, booted in half a second: systemd-nspawn over a root that stays as it is."""
import concurrent.futures
import contextlib
import ctypes
import os
import pathlib
import re
import shutil
import signal
import sqlite3
import subprocess
import tempfile

from host import ENVIRONMENT, SERVICE, SOCKET, Host

from harness.client import Client
from harness.places import BUILD
from harness.receiver import Receiver
from harness.wait import DEADLINE, eventually

ROOTS = BUILD / "roots"
DEB = next(BUILD.glob("deb/modelwatch_*.deb"), None)

DATABASE = "/var/lib/modelwatch/modelwatch.db"

_CGROUPS = ("", "unified", "systemd")  # where a host has them; version 1 has one tree for each controller
_CLONE_FS = 0x200  # sched.h
_libc = ctypes.CDLL(None, use_errno=True)


def later_build(folder, files=()):
    """The package of a later build, made in FOLDER, with some more (empty) files. Returns its path."""
    tree, deb = folder / "tree", folder / "modelwatch.deb"
    subprocess.run(["dpkg-deb", "--raw-extract", str(DEB), str(tree)], check=True)
    control = tree / "DEBIAN" / "control"
    control.write_text(re.sub(r"^(Version: .*)$", r"\1+later", control.read_text(), flags=re.M))
    for file in files:
        pathlib.Path(f"{tree}{file}").touch()
    subprocess.run(["dpkg-deb", "--root-owner-group", "--build", str(tree), str(deb)], check=True,
                   capture_output=True)
    return deb


def _setns(path):
    with open(path, "rb") as namespace:
        if _libc.setns(namespace.fileno(), 0) != 0:
            raise OSError(ctypes.get_errno(), f"cannot enter {path}")


def _namespace(pid, kind="pid"):
    return os.readlink(f"/proc/{pid}/ns/{kind}")


class Machine(Host):
    """One machine, from boot to its end. What is changed in it is gone with it."""

    def __init__(self, root):
        self._receivers = []
        self._nspawn = None
        self._leader = None  # the pid of its init, as seen from here
        self._cgroups = []
        self._log = tempfile.TemporaryFile()
        try:
            self._boot(root)
        except BaseException:
            self.close()
            raise

    # Life.

    def _make_cgroups(self):
        """A cgroup of its own in each hierarchy of the host; systemd wants one that nobody else changes."""
        for hierarchy in _CGROUPS:
            top = pathlib.Path("/sys/fs/cgroup", hierarchy)
            if (top / "cgroup.procs").exists():
                cgroup = top / f"modelwatch-test-{os.getpid()}-{id(self):x}"
                try:
                    cgroup.mkdir()
                except OSError as error:
                    raise RuntimeError(f"systemd takes a cgroup of its own; root may make none here: {error}"
                                       ) from error
                self._cgroups.append(cgroup)

    def _enter_cgroups(self):
        for cgroup in self._cgroups:
            (cgroup / "cgroup.procs").write_text(str(os.getpid()))

    def _boot(self, root):
        self._make_cgroups()
        # nspawn's own filter would refuse calls that a host's systemd lets services make.
        environment = {**os.environ, "SYSTEMD_SECCOMP": "0", "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1",
                       "SYSTEMD_LOG_LEVEL": "warning"}
        self._nspawn = subprocess.Popen(
            ["systemd-nspawn", "--quiet", "--boot", f"--directory={root}", "--volatile=overlay",
             f"--machine=modelwatch-test-{os.getpid()}-{id(self):x}", "--private-network", "--register=no",
             "--keep-unit", "--resolv-conf=off", "--timezone=off", "--link-journal=no", "--capability=all",
             "--console=pipe"],
            stdin=subprocess.DEVNULL, stdout=self._log, stderr=subprocess.STDOUT, env=environment,
            preexec_fn=self._enter_cgroups)
        self._leader = eventually(self._find_leader, "a booting systemd")
        eventually(self.path("/run/systemd/private").exists, "systemd's socket")
        state = self.run("systemctl is-system-running --wait", check=False).stdout.strip()
        assert state in ("running", "degraded"), f"the machine is {state}\n{self.console}"

    def _find_leader(self):
        if self._nspawn.poll() is not None:
            raise RuntimeError(f"systemd-nspawn cannot boot here:\n{self.console}")
        pids = pathlib.Path(f"/proc/{self._nspawn.pid}/task/{self._nspawn.pid}/children").read_text().split()
        return next((pid for pid in pids if _namespace(pid) != _namespace("self")), None)

    @property
    def console(self):
        """What nspawn and the boot said."""
        self._log.seek(0)
        return self._log.read().decode(errors="replace")

    def close(self):
        """Its power is cut."""
        for receiver in self._receivers:
            receiver.close()
        if self._leader:
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(self._leader), signal.SIGKILL)
        if self._nspawn:
            try:
                self._nspawn.wait(DEADLINE)
            except subprocess.TimeoutExpired:
                self._nspawn.kill()
                self._nspawn.wait()
        for top in self._cgroups:
            for cgroup, _, _ in os.walk(top, topdown=False):
                with contextlib.suppress(OSError):
                    os.rmdir(cgroup)
        self._log.close()

    # What a person does in it.

    def execute(self, arguments):
        inside = ["nsenter", "-t", self._leader, "-m", "-u", "-i", "-n", "-p", "-C", "-r", "-w", "--"]
        return subprocess.run([*inside, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              errors="replace", timeout=DEADLINE, check=False, env=ENVIRONMENT)

    def path(self, path):
        """That file of the machine, as it is reached from here."""
        return pathlib.Path(f"/proc/{self._leader}/root{path}")

    def write(self, path, text, mode=0o644):
        """Writes a file of the machine."""
        file = self.path(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(mode)

    def copy(self, source, path):
        """Copies a file into the machine, with its mode."""
        self.path(path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, self.path(path))

    def outer_pid(self, pid):
        """The number that a process of the machine has here."""
        for status in pathlib.Path("/proc").glob("[0-9]*/status"):
            with contextlib.suppress(OSError):
                numbers = next((x for x in status.read_text().splitlines() if x.startswith("NSpid:")), "").split()
                if numbers[-1:] == [pid] and _namespace(numbers[1]) == _namespace(self._leader):
                    return numbers[1]
        raise LookupError(f"the machine has no process {pid}")

    # The network inside it.

    @contextlib.contextmanager
    def network(self):
        """This thread in the machine's network: what it opens meanwhile belongs there."""
        _setns(f"/proc/{self._leader}/ns/net")
        try:
            yield
        finally:
            _setns(f"/proc/{os.getpid()}/ns/net")

    def receiver(self, secret=None):
        """A receiver of webhooks at an address of the machine; each post has the time of its arrival on
        CLOCK_MONOTONIC, which is the machine's, too."""
        with self.network():
            receiver = Receiver(secret=secret)
        self._receivers.append(receiver)
        return receiver

    # The daemon in it.

    def told(self, *sections):
        """Configures these and a webhook, restarts the daemon and returns the webhook's receiver."""
        receiver = self.receiver()
        self.configure(*sections, f"[webhook oncall]\nurl = {receiver.url}")
        self.run(f"systemctl restart {SERVICE}")
        return receiver

    @property
    def unix(self):
        """A client of the unix socket, as root."""
        return Client(self.path(SOCKET))

    def api(self, path):
        return self.unix.json(path)

    def query(self, sql):
        """Rows of the database, read beside the running daemon."""
        def rows():
            # SQLite resolves /proc/PID/root itself, so a thread goes where the file is.
            _libc.unshare(_CLONE_FS)
            _setns(f"/proc/{self._leader}/ns/mnt")
            with contextlib.closing(sqlite3.connect(f"file:{DATABASE}?mode=ro", uri=True)) as database:
                return database.execute(sql).fetchall()
        with concurrent.futures.ThreadPoolExecutor(max_workers=1) as thread:
            return thread.submit(rows).result()

    # The end.

    def faults(self):
        """What must not have happened, whatever the test was about."""
        return [fault for receiver in self._receivers for fault in receiver.faults]

    def describe(self):
        return "\n----\n".join([super().describe(), *(repr(receiver.summary()) for receiver in self._receivers)])
