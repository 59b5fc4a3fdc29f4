# SPDX-License-Identifier: Apache-2.0
"""Waiting: for conditions that somebody signals, and for those that can only be asked for."""
import os
import time

# Only a hang reaches it.
DEADLINE = float(os.environ.get("MW_TEST_DEADLINE", "60"))
# Between two questions where nothing can be awaited.
_PAUSE = 0.02


class Overdue(AssertionError):
    """Something awaited did not happen."""


def eventually(question, what, deadline=None):
    """The first true answer of QUESTION, which may also fail until then."""
    end = time.monotonic() + (deadline or DEADLINE)
    while True:
        error = None
        try:
            answer = question()
            if answer:
                return answer
        except (AssertionError, OSError, LookupError, ValueError) as caught:
            error = caught
        if time.monotonic() > end:
            raise Overdue(f"{what} did not come about") from error
        time.sleep(_PAUSE)


def await_condition(condition, question, what, deadline=None):
    """Waits on a threading.Condition, held by the caller, until QUESTION has a true answer."""
    end = time.monotonic() + (deadline or DEADLINE)
    while not (answer := question()):
        left = end - time.monotonic()
        if left <= 0:
            raise Overdue(f"{what} did not come about")
        condition.wait(left)
    return answer
