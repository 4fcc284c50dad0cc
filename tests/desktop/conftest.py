"""Qt without a screen for every desktop test; what needs one starts a child (tests/screen.py)."""

import os

from hypothesis import settings

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

# How long an example takes says something of the machine and nothing of the program.
settings.register_profile("steady", deadline=None)
settings.load_profile("steady")
