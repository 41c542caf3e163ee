"""Settings of all tests."""

from __future__ import annotations

import os

from hypothesis import settings

# No deadlines: the first call of a kernel compiles it, and shared machines are slow at times.
# CI tries the same examples each time, so that it is green or red for a reason in the commit.
settings.register_profile("here", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "here")
