"""What `undertext` shows on a machine without a screen: the demo in the terminal, and the overlay as a picture."""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from desktop.overlay.snapshot import render_png
from desktop.terminal import caption
from engine.errors import SettingsError
from engine.records import Caption

PICTURE = Path("undertext-overlay.png")


def run() -> int:
    """Caption the demo clip, paint the overlay, say what was done; return the exit code."""
    print("There is no screen here, so the built-in clip is captioned in the terminal:\n", file=sys.stderr)
    with tempfile.TemporaryDirectory() as folder:
        events = Path(folder) / "events.jsonl"
        parser = argparse.ArgumentParser()
        caption.configure(parser)
        code = caption.run(parser.parse_args(["demo", "--events", str(events)]))
        if code == 0:
            _paint(list(_captions(events)))
    return code


def _paint(captions: list[Caption]) -> None:
    """Paint the moment at which most is seen of what the overlay does: settled words and unstable ones."""
    if not captions:
        return
    richest = max(range(len(captions)), key=lambda index: _both(captions[index]))
    try:
        render_png(captions[: richest + 1], PICTURE)
    except OSError as error:
        raise SettingsError(str(error), hint="Run it in a folder that you may write to.") from error
    print(f"\nWith a screen, the overlay looks as in {PICTURE.resolve()}", file=sys.stderr)


def _both(shown: Caption) -> int:
    return min(len(shown.committed), 60) * min(len(shown.unstable), 20)


def _captions(events: Path) -> Iterator[Caption]:
    for line in events.read_text(encoding="utf-8").splitlines():
        event = json.loads(line)
        if event["type"] == "caption":
            text = (event["committed"], event["unstable"])
            yield Caption(event["segment"], *text, event["final"], (), 0, 0, event.get("language", ""))
