# SPDX-License-Identifier: Apache-2.0
"""What the README and the example say of the configuration is what the options' table says, and of what is
needed to build a package what the package says."""
import re

from harness.places import SOURCE

_ROW = re.compile(r'^OPTION\((\w+), \w+, "([\w-]+)",.*?\b(AVAILABLE|LATER),\s', re.M | re.S)
_LINE = re.compile(r"^\| `\[(\w+)\]` \| (.*) \|$", re.M)


def _stages():
    """{kind: {key: AVAILABLE or LATER}}"""
    rows = {}
    for kind, key, stage in _ROW.findall((SOURCE / "daemon" / "config" / "options.def").read_text()):
        rows.setdefault(kind.lower(), {})[key] = stage
    return rows


def test_options_not_used_yet():
    rows = _stages()
    lines = dict(_LINE.findall((SOURCE / "README.md").read_text()))
    assert rows and set(lines) <= set(rows)
    for kind, stages in rows.items():
        later = {key for key, stage in stages.items() if stage == "LATER"}
        said = lines.get(kind, "")
        if said == "all of it":
            assert later == set(stages), kind
        else:
            keys = set(re.findall(r"`([\w-]+)`", re.sub(r"every `type` but `\w+`", "", said)))
            assert keys == later, kind


def test_packages_to_build_from():
    """Of the README's own block of commands, as it stands."""
    block = re.search(r"apt-get install (gcc .*?)\n\s+\./autogen", (SOURCE / "README.md").read_text(), re.S)[1]
    control = (SOURCE / "packaging" / "debian" / "control").read_text()
    wanted = re.search(r"^Build-Depends:\n(.*?)^\S", control, re.M | re.S)[1]
    alike = {"debhelper-compat": "debhelper", "dh-sequence-installsysusers": "debhelper", "pkgconf": "pkg-config"}
    names = {alike.get(name, name) for name in re.findall(r"^ ([a-z0-9-]+)", wanted, re.M)}
    assert len(names) > 8 and names <= set(block.split()), names - set(block.split())


def test_example():
    """It has every option; those that are not used yet stand under a comment that says so, be it theirs
    or their section's."""
    found, kind, over_section, over_options = {}, None, "", ""
    lines = (SOURCE / "packaging" / "modelwatch.conf").read_text().splitlines()
    for previous, line in zip(["", *lines], lines):
        if header := re.match(r"#?\[(\w+)", line):
            kind, over_section, over_options = header[1], over_options, ""
        elif option := re.match(r"#([\w-]+) = ", line):
            later = (over_section + over_options).count("(not used yet)") > 0
            found.setdefault(kind, {})[option[1]] = "LATER" if later else "AVAILABLE"
        elif line.startswith("# ") and previous.startswith("# "):
            over_options += line[1:]
        else:
            over_options = line[2:]
    assert found == _stages()
