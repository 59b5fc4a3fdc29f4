# SPDX-License-Identifier: Apache-2.0
"""Run these tests with `tests/run`, or alone with `make packaging-tests` in a build folder, as root."""
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))

from harness.fixtures import pytest_runtest_makereport  # noqa: E402,F401
from host import SERVICE  # noqa: E402
from machine import DEB, ROOTS, Machine  # noqa: E402
from vm import IMAGE, KERNEL  # noqa: E402

_PROGRAMS = {"systemd-nspawn": "systemd-container", "nsenter": "util-linux", "unshare": "util-linux",
             "qemu-system-x86_64": "qemu-system-x86"}


def _lacking():
    """What these tests cannot do without and is not here."""
    if os.getuid() != 0:
        return "they boot systemd in a container, which takes root"
    if missing := [p for p in _PROGRAMS if not shutil.which(p)]:
        return f"{', '.join(missing)} is missing (Debian: {', '.join(_PROGRAMS[p] for p in missing)})"
    if subprocess.run(["unshare", "--mount", "--pid", "--net", "--fork", "true"], check=False).returncode != 0:
        return "this machine allows no namespaces: run them where root may make them"
    if not DEB or not all(made.exists() for made in (ROOTS / "installed", IMAGE, KERNEL)):
        return "there are no packages in the build folder: run `make packaging-tests` there"
    return None


def pytest_sessionstart():
    if lacking := _lacking():
        pytest.exit(f"tests/packaging cannot run: {lacking}", returncode=1)


def _machine(request, root):
    machine = Machine(ROOTS / root)
    try:
        yield machine
        report = getattr(request.node, "report_call", None)
        if report is None or not report.passed:
            print(machine.describe())
            return
        faults = machine.faults()
        assert not faults, "\n".join(faults[:20]) + "\n" + machine.describe()
    finally:
        machine.close()


@pytest.fixture
def bare(request):
    """A machine that has all that the package depends on, and the package itself as /root/modelwatch.deb."""
    for machine in _machine(request, "bare"):
        machine.copy(DEB, "/root/modelwatch.deb")
        yield machine


@pytest.fixture
def machine(request):
    """A machine that has booted with the package installed: the daemon runs."""
    for machine in _machine(request, "installed"):
        state = machine.show("ActiveState")
        assert state == "active", f"{SERVICE} is {state} after boot\n{machine.describe()}"
        yield machine
