# SPDX-License-Identifier: Apache-2.0
"""What the README says of the configuration is what the options' table says."""
import re

from harness.places import SOURCE

_ROW = re.compile(r'^OPTION\((\w+), \w+, "([\w-]+)",.*?\b(AVAILABLE|LATER),\s', re.M | re.S)
_LINE = re.compile(r"^\| `\[(\w+)\]` \| (.*) \|$", re.M)


def test_options_not_used_yet():
    rows = {}
    for kind, key, stage in _ROW.findall((SOURCE / "daemon" / "options.def").read_text()):
        rows.setdefault(kind.lower(), {})[key] = stage
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
