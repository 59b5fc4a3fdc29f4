# SPDX-License-Identifier: Apache-2.0
"""The .rpm, as far as a Debian host shows it: built, checked, installed into a root by rpm, booted, removed."""
import pathlib
import re
import shutil
import subprocess

import pytest
from host import SERVICE
from machine import DEB, ROOTS, Machine

from harness.places import BUILD, SOURCE

RPM = next(BUILD.glob("rpm/RPMS/*/modelwatch-*.rpm"), None)

# A package that provides what Fedora's packages would.
FEDORA = """Name: fedora
Version: 1
Release: 1
Summary: All that a package asks for
License: MIT
BuildArch: noarch
{provides}
%description
All that a package asks for.
%files
"""


def _run(*command):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(done.args)}\n{done.stdout}{done.stderr}"
    return done.stdout


def _fedora(folder):
    wanted = _run("rpm", "-qp", "--requires", RPM).splitlines()
    provides = {re.sub(r" [<>=].*", "", line) for line in wanted if not line.startswith("rpmlib(")}
    spec = folder / "fedora.spec"
    spec.write_text(FEDORA.format(provides="\n".join(f"Provides: {name}" for name in sorted(provides))))
    _run("rpmbuild", "--define", f"_topdir {folder}", "-bb", spec)
    return next(folder.glob("RPMS/noarch/*.rpm"))


class Root:
    """A root in which rpm installs."""

    def __init__(self, folder):
        self.path = folder / "root"
        _run("cp", "--archive", ROOTS / "bare", self.path)  # there are devices in it
        self.rpm("--initdb")
        self.rpm("-U", _fedora(folder))
        self.rpm("-U", RPM)

    def rpm(self, *arguments):
        return _run("rpm", "--root", self.path, "--dbpath", "/var/lib/rpm", *arguments)


@pytest.fixture
def root(tmp_path):
    root = Root(tmp_path)
    yield root
    shutil.rmtree(root.path)


def test_rpmlint_finds_nothing():
    _run("rpmlint", "--config", SOURCE / "packaging" / "rpmlint.toml", RPM, next(BUILD.glob("rpm/SRPMS/*.rpm")),
         SOURCE / "packaging" / "modelwatch.spec")


def test_installs_runs_and_leaves(root):
    assert root.rpm("-V", "modelwatch") == ""
    machine = Machine(root.path)
    try:
        assert machine.show("ActiveState") == "active", machine.describe()
        assert machine.run("modelwatch status").stdout.startswith("ok, no open incident\n")
        machine.run("modelwatch check-config /usr/share/doc/modelwatch/examples/modelwatch.conf")
        assert "(/run/modelwatch)" in machine.run("modelwatchd --help").stdout  # as the manual pages have it
        assert machine.run("stat -c %U:%G:%a /var/lib/modelwatch").stdout == "modelwatch:modelwatch:750\n"
    finally:
        machine.close()
    (root.path / "etc/modelwatch/modelwatch.conf").write_text("[daemon]\ninterval = 2s\n")
    (root.path / "var/lib/modelwatch").mkdir(exist_ok=True)  # the machine's own changes went with it
    (root.path / "var/lib/modelwatch/modelwatch.db").touch()
    root.rpm("-e", "modelwatch")
    assert not (root.path / "usr/sbin/modelwatchd").exists()
    assert not (root.path / f"etc/systemd/system/multi-user.target.wants/{SERVICE}").is_symlink()
    assert (root.path / "var/lib/modelwatch/modelwatch.db").exists()
    assert (root.path / "etc/modelwatch/modelwatch.conf.rpmsave").exists()


# What a distribution has in its own way: licence and readme, the index of debugging information.
_OWN = re.compile(r"/usr/(share/(doc|licenses)|lib/\.build-id)(/|$)")


def _plain(path):
    """The path as both name it: / merged into /usr, manual pages as they were before compression."""
    return re.sub(r"(/man/man\d/.*)\.gz$", r"\1", re.sub(r"^/lib/", "/usr/lib/", path))


def test_has_what_the_deb_has(root):
    listed = [line.split(None, 5) for line in _run("dpkg-deb", "--contents", DEB).splitlines()]
    deb = {_plain(path[1:]): (mode, owner) for mode, owner, _, _, _, path in listed if not mode.startswith("d")}
    rpm = {_plain(path): (mode, owner) for mode, owner, path in (line.split(None, 2) for line in _run(
        "rpm", "-qp", "--queryformat", "[%{FILEMODES:perms} %{FILEUSERNAME}/%{FILEGROUPNAME} %{FILENAMES}\\n]",
        RPM).splitlines()) if not mode.startswith("d")}
    ours = {path: what for path, what in deb.items() if not _OWN.match(path)}
    assert len(ours) > 15
    assert ours == {path: what for path, what in rpm.items() if not _OWN.match(path)}
    for path in ours:
        if "/man/" not in path and "x" not in ours[path][0]:
            assert pathlib.Path(f"{root.path}{path}").read_bytes() == pathlib.Path(
                f"{ROOTS / 'installed'}{path}").read_bytes(), path
