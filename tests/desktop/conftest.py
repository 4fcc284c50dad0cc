"""Qt without a screen for every desktop test; what needs one starts a child (tests/screen.py)."""

import os

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
