# SPDX-License-Identifier: Apache-2.0
"""A host with a kernel of its own: QEMU boots the root that the package is installed in with Debian's kernel.
What containers lack is here: process events, and controllers of cgroup v2. Without hardware virtualization
it boots in ten seconds, and what runs in it takes twenty times as long."""
import base64
import os
import pathlib
import shlex
import socket
import subprocess
import tempfile

from host import ENVIRONMENT, Host
from machine import ROOTS

from harness.wait import DEADLINE

IMAGE, KERNEL = ROOTS / "vm.img", ROOTS / "vmlinuz"

_BOOT_DEADLINE = 3 * DEADLINE
_PARAMETERS = ("root=/dev/nvme0n1 rootfstype=ext4 rw init=/lib/systemd/systemd console=ttyS0 quiet panic=-1 "
               "mitigations=off random.trust_cpu=on systemd.show_status=no systemd.getty_auto=no "
               "systemd.debug_shell=ttyS1")
_PROMPT = b"# "
# What the shell of systemd at the second serial line is told there. From then on a line is a command, and one
# is its answer: status, output and errors, each without blanks.
_SERVE = ("stty raw -echo; echo rea''dy; while read -r c; do echo $c | base64 -d >/run/c; "
          "sh /run/c </dev/null >/run/o 2>/run/e; echo $? .$(base64 -w0 /run/o) .$(base64 -w0 /run/e); done\n")


def _accelerator():
    """Other kinds of KVM, nested ones, do not boot every kernel."""
    real = any(pathlib.Path("/sys/module", module).exists() for module in ("kvm_intel", "kvm_amd"))
    return "kvm" if real and os.access("/dev/kvm", os.R_OK | os.W_OK) else "tcg,thread=multi"


class VirtualMachine(Host):
    """One machine, from boot to its end. What is changed in it is gone with it."""

    interval = "1h"  # what is known sooner came by an event

    def __init__(self):
        self._console = tempfile.TemporaryFile()
        self._line, theirs = socket.socketpair()
        with theirs:
            self._qemu = subprocess.Popen(
                ["qemu-system-x86_64", "-machine", "q35", "-accel", _accelerator(), "-cpu", "max", "-smp", "2",
                 "-m", "512", "-nodefaults", "-no-reboot", "-display", "none",
                 "-kernel", str(KERNEL), "-append", _PARAMETERS,
                 "-drive", f"if=none,id=root,file={IMAGE},format=raw,snapshot=on",
                 "-device", "nvme,drive=root,serial=root", "-serial", "stdio",
                 "-chardev", f"socket,id=shell,fd={theirs.fileno()}", "-serial", "chardev:shell"],
                stdin=subprocess.DEVNULL, stdout=self._console, stderr=subprocess.STDOUT,
                pass_fds=[theirs.fileno()])
        self._answers = self._line.makefile("rb")
        try:
            self._boot()
        except BaseException:
            self.close()
            raise

    def _boot(self):
        self._line.settimeout(_BOOT_DEADLINE)
        self._await(_PROMPT)
        self._line.sendall(_SERVE.encode())
        self._await(b"ready\n")
        state = self.run("systemctl is-system-running --wait", check=False).stdout.strip()
        assert state == "running", f"the machine is {state}\n{self.describe()}\n{self.console}"
        self._line.settimeout(DEADLINE)

    def _await(self, words):
        said = b""
        while not said.endswith(words):
            byte = self._answers.read(1)
            if not byte:
                raise RuntimeError(f"QEMU cannot boot here:\n{self.console}")
            said += byte

    @property
    def console(self):
        """What QEMU and the kernel said."""
        self._console.seek(0)
        return self._console.read().decode(errors="replace")

    def close(self):
        """Its power is cut."""
        self._qemu.kill()
        self._qemu.wait()
        self._line.close()
        self._console.close()

    def execute(self, arguments):
        command = shlex.join(["env", *(f"{name}={value}" for name, value in ENVIRONMENT.items()), *arguments])
        self._line.sendall(base64.b64encode(command.encode()) + b"\n")
        status, output, errors = self._answers.readline().split()
        output, errors = (base64.b64decode(text[1:]).decode(errors="replace") for text in (output, errors))
        return subprocess.CompletedProcess(command, int(status), output, errors)

    def write(self, path, text, mode=0o644):
        encoded = base64.b64encode(text.encode()).decode()
        self.run(f"echo {encoded} | base64 -d | install -D -m {mode:o} /dev/stdin {path}")
