# SPDX-License-Identifier: Apache-2.0
"""An access log in Apache's combined format, a line as soon as a request is answered."""

import threading
import time


def escape(text):
    """Quotes, backslashes and what is not printable ASCII as \\xHH, as nginx writes them. TEXT is
    HTTP's, each character a byte."""
    return "".join(
        c if " " <= c <= "~" and c not in '"\\' else f"\\x{ord(c):02X}" for c in text
    )


def line(client, when, request, status, size, referer, agent):
    stamp = time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(when))
    return (f'{client} - - [{stamp}] "{escape(request)}" {status} {size} '
            f'"{escape(referer or "-")}" "{escape(agent or "-")}"\n')


class AccessLog:
    def __init__(self, path):
        self._file = open(path, "a", encoding="ascii", buffering=1)  # line buffered
        self._lock = threading.Lock()

    def write(self, *fields):
        with self._lock:
            self._file.write(line(*fields))
