"""`undertext caption SOURCE`: live captions in the terminal.

On a terminal the words that are final are bright and those that may change dim; anywhere else every finished segment
is one plain line.
"""

import argparse
import queue
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from rich.console import Console
from rich.live import Live
from rich.text import Text

from desktop.capture.devices import open_source
from desktop.assets import DEMO_CLIP
from desktop.wiring import Engine
from engine.audio.sources import AudioSource, FileSource, Pacer
from engine.errors import SettingsError
from engine.eventlog import EventLog
from engine.records import Caption, Event, Failure, Gap, State, StateChange
from engine.session import Session
from engine.settings import AUTO, DEVICES, EngineSettings
from engine.units import seconds

NAME = "caption"
HELP = "caption a file, the microphone or the computer's sound in the terminal"
LIVE_SOURCES = ("mic", "system")


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("source", metavar="SOURCE", help="a media file, 'mic', 'system' or 'demo'")
    parser.add_argument("--model", metavar="NAME|DIR", help="a model's name or folder (default: the best there is)")
    parser.add_argument("--language", default=AUTO, metavar="CODE", help="en, de, ja …, or auto (default)")
    parser.add_argument("--device", default=AUTO, choices=DEVICES, help="where to compute (default: auto)")
    parser.add_argument(
        "--pace", default="real", choices=("real", "fast"), help="how a file is fed: as heard, or as fast as possible"
    )
    parser.add_argument("--events", type=Path, metavar="FILE.jsonl", help="write every event as a line of JSON")
    parser.add_argument("--save", type=Path, metavar="DIR", help="keep the transcript in this folder")


def run(options: argparse.Namespace) -> int:
    """Caption until the sound ends or Ctrl-C; return the exit code."""
    engine = Engine(EngineSettings(language=options.language, device=options.device), options.model)
    source = _source(options.source, options.pace)
    events: queue.SimpleQueue[Event] = queue.SimpleQueue()
    with _event_log(options.events) as log:

        def send(event: Event) -> None:
            if log is not None:
                log.write(event, session.audio_s)
            events.put(event)

        session = engine.session(send, options.save)
        session.start(source)
        try:
            return _watch(events, session)
        finally:
            session.close()


def _source(name: str, pace: str) -> AudioSource:
    if name.partition(":")[0] in LIVE_SOURCES:
        return open_source(name)
    path = DEMO_CLIP if name == "demo" else Path(name)
    return FileSource(path, pacer=Pacer() if pace == "real" else None)


@contextmanager
def _event_log(path: Path | None) -> Iterator[EventLog | None]:
    if path is None:
        yield None
        return
    try:
        stream = path.open("w", encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"{path} cannot be written: {error.strerror}", hint="Choose another file.") from error
    with stream:
        yield EventLog(stream)


def _watch(events: queue.SimpleQueue[Event], session: Session) -> int:
    """Show events until the session rests; the first Ctrl-C lets it finish its words."""
    failed = False
    with _view() as view:
        while True:
            try:
                event = events.get()
            except KeyboardInterrupt:
                session.stop()
                continue
            if isinstance(event, StateChange) and event.state in {State.IDLE, State.FAILED}:
                return 2 if failed else 0
            failed |= isinstance(event, Failure) and event.fatal
            view.show(event)


@contextmanager
def _view() -> "Iterator[Screen | Lines]":
    console = Console(highlight=False, soft_wrap=True)
    if not console.is_terminal:
        yield Lines(sys.stdout, sys.stderr)
        return
    with Live(console=console, refresh_per_second=20, transient=True) as live:
        yield Screen(live)


class Lines:
    """Finished segments as plain lines; everything else on the error stream."""

    def __init__(self, text: TextIO, trouble: TextIO) -> None:
        self._text = text
        self._trouble = trouble

    def show(self, event: Event) -> None:
        """Write what a reader of lines should see of an event."""
        match event:
            case Caption(final=True) if event.committed:
                print(event.committed, file=self._text, flush=True)
            case Gap() | Failure():
                print(remark(event), file=self._trouble, flush=True)
            case StateChange(state=State.RECOVERING):
                print(event.detail, file=self._trouble, flush=True)


class Screen:
    """Finished segments above; below, the segment that grows: bright what is final, dim what may change."""

    def __init__(self, live: Live) -> None:
        self._live = live

    def show(self, event: Event) -> None:
        """Draw an event."""
        match event:
            case Caption(final=True):
                self._live.update(Text())
                if event.committed:
                    self._live.console.print(Text(event.committed))
            case Caption():
                self._live.update(Text.assemble((event.committed, "bold"), (event.unstable, "dim italic")))
            case Gap() | Failure():
                self._live.console.print(Text(remark(event), "yellow"))
            case StateChange() if event.state in {State.LOADING, State.RECOVERING}:
                self._live.update(Text(event.detail or "Loading the model …", "dim"))
            case StateChange(state=State.LISTENING):
                self._live.update(Text(f"Listening to {event.detail} …", "dim"))


def remark(event: Gap | Failure) -> str:
    """Return what a person should read of a gap or a failure: one line."""
    if isinstance(event, Gap):
        return f"[{seconds(event.stop - event.start):.1f} s not captioned: {event.reason}]"
    return f"{event.message}. {event.hint}".rstrip()
