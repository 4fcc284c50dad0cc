"""The commands that need no window."""

INTERRUPTED = 130
"""The exit code of what Ctrl-C ended: 128 + SIGINT, as shells have it."""
