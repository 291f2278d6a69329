"""Hypothesis profiles: ``dev`` is quick, ``ci`` thorough; choose by ``HYPOTHESIS_PROFILE``.

No profile has a deadline: whether an example is fast depends on the machine, not on the code.
"""

from __future__ import annotations

import os

from hypothesis import settings

settings.register_profile("dev", deadline=None)
settings.register_profile("ci", deadline=None, max_examples=200, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))
