"""`undertext caption SOURCE`: live captions in the terminal.

On a terminal the words that are final are bright and those that may change dim; anywhere else every finished segment
is one plain line.
"""

import argparse
import os
import queue
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import TextIO

from rich.console import Console
from rich.live import Live
from rich.text import Text

from desktop.assets import DEMO_CLIP
from desktop.capture.devices import open_source
from desktop.terminal.arguments import declare_work, make_folder, terms
from desktop.wiring import Engine, open_session
from engine.audio.sources import AudioSource, FileSource, Pacer
from engine.errors import MediaUnreadable, SettingsError
from engine.eventlog import EventLog
from engine.records import Caption, Event, Failure, Gap, Level, State, StateChange, Stats
from engine.settings import AUTO, SMALLER, TRANSLATE, EngineSettings
from engine.units import seconds

NAME = "caption"
HELP = "caption a file, the microphone or the computer's sound in the terminal"
LIVE_SOURCES = ("mic", "system")
SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")
LEVELS = {
    Level.NORMAL: "this computer keeps up again",
    Level.GREEDY: "this computer is busy: captions are a little less exact",
    Level.SLOWER: "this computer is slow: captions come less often",
    Level.LIGHTER: "this computer is slow: a smaller model listens",
}
IMPATIENT_S = 1.0  # `timeout` and some shells send a signal twice at once; a person's second Ctrl-C comes later


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("source", metavar="SOURCE", help="a media file, 'mic', 'system' or 'demo'")
    parser.add_argument("--model", metavar="NAME|DIR", help="a model's name or folder (default: the best there is)")
    parser.add_argument(
        "--language", default=AUTO, metavar="CODE", type=str.lower, help="en, de, ja …, or auto (default)"
    )
    declare_work(parser)
    parser.add_argument(
        "--smaller",
        default=AUTO,
        choices=SMALLER,
        help="let a smaller model step in while the machine is too slow (default: auto, yes unless --model is given)",
    )
    parser.add_argument(
        "--pace", default="real", choices=("real", "fast"), help="how a file is fed: as heard, or as fast as possible"
    )
    parser.add_argument("--events", type=Path, metavar="FILE.jsonl", help="write every event as a line of JSON")
    parser.add_argument("--save", type=Path, metavar="DIR", help="keep the transcript in this folder")
    parser.add_argument(
        "--keep-sound",
        action="store_true",
        help="keep what is heard beside the transcript (with --save); 'adapt --corrections' learns from it",
    )


def run(options: argparse.Namespace) -> int:
    """Caption until the sound ends or a signal asks for the end; return the exit code."""
    settings = EngineSettings(
        language=options.language,
        task=options.task,
        vocabulary=terms(options.vocabulary),
        device=options.device,
        smaller=options.smaller,
    )
    _refuse_sound_without_words(options)
    engine = Engine(settings, options.model)
    source = _source(options.source, options.pace)
    if options.save is not None:
        make_folder(options.save)
    with _event_log(options.events) as log:
        outlet = Outlet(log)
        session = open_session(
            lambda: engine,
            lambda event: outlet.send(event, session.audio_s),
            options.save,
            keeps_sound=lambda: options.keep_sound,
        )
        try:
            with _ended_by_signals(session.stop):
                session.start(source)
                return _watch(outlet.events)
        finally:
            session.close()


def _refuse_sound_without_words(options: argparse.Namespace) -> None:
    """See that the sound can be kept, if it is to be: beside the words that were said."""
    if options.keep_sound and options.save is None:
        raise SettingsError("the sound is kept beside a transcript, and none is", hint="Name its folder: --save DIR.")
    if options.keep_sound and options.task == TRANSLATE:
        raise SettingsError("of speech that is translated no sound is kept", hint="Leave --keep-sound or --task away.")


def _source(name: str, pace: str) -> AudioSource:
    if name.partition(":")[0] in LIVE_SOURCES:
        return open_source(name)
    path = DEMO_CLIP if name == "demo" else Path(name)
    if path.is_dir():
        raise MediaUnreadable(f"{path} is a folder", hint="Name a media file in it.")
    return FileSource(path, pacer=Pacer() if pace == "real" else None)


@contextmanager
def _event_log(path: Path | None) -> Iterator[EventLog | None]:
    if path is None:
        yield None
        return
    try:
        # For its owner only: it holds what was said.
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    except OSError as error:
        raise SettingsError(f"{path} cannot be written: {error.strerror}", hint="Choose another file.") from error
    stream = os.fdopen(handle, "w", encoding="utf-8", errors="replace")  # a file's name may be no Unicode
    try:
        yield EventLog(stream)
    finally:
        with suppress(OSError):  # a full disk was told when it was met
            stream.close()


class Outlet:
    """Hands each event to the log, then to whoever shows it; a log that takes no more is told once and given up.

    Thread: the engine's; `events` is read in another.

    Attributes:
        events: What is to be shown.
    """

    def __init__(self, log: EventLog | None) -> None:
        self._log = log
        self.events: queue.SimpleQueue[Event] = queue.SimpleQueue()

    def send(self, event: Event, audio_s: float) -> None:
        """Take one event; never raises for a log that cannot be written."""
        if self._log is not None:
            try:
                self._log.write(event, audio_s)
            except OSError as error:
                self._log = None
                message = f"the events can no longer be written: {error.strerror}"
                self.events.put(Failure(type(error).__name__, message, "Free some space, or choose another file."))
        self.events.put(event)


@contextmanager
def _ended_by_signals(stop: Callable[[], None]) -> Iterator[None]:
    """Ask for the end at the first SIGINT, SIGTERM or SIGHUP; at a person's second Ctrl-C end at once."""
    asked_s = 0.0

    def on_signal(number: int, _frame: FrameType | None) -> None:
        nonlocal asked_s
        now = time.monotonic()
        if not asked_s:
            asked_s = now
            stop()
        elif number == signal.SIGINT and now - asked_s > IMPATIENT_S:
            raise KeyboardInterrupt

    numbers = [number for name in SIGNALS if (number := getattr(signal, name, None))]
    # What is ignored stays ignored: `nohup` asks for that.
    before = {number: signal.getsignal(number) for number in numbers}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, on_signal)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _watch(events: queue.SimpleQueue[Event]) -> int:
    """Show events until the session rests; return the exit code."""
    failed, level, language = False, Level.NORMAL, ""
    with _view() as view:
        while True:
            event = events.get()
            failed |= isinstance(event, Failure) and event.fatal
            view.show(event)
            if isinstance(event, Stats) and event.level is not level:
                level = event.level
                view.note(LEVELS[level])
            if isinstance(event, Caption) and event.committed and event.language != language:
                if language:
                    view.note(f"The language is now {event.language}.")
                language = event.language
            if isinstance(event, StateChange) and event.state in {State.IDLE, State.FAILED}:
                return 2 if failed else 0


@contextmanager
def _view() -> "Iterator[Screen | Lines]":
    console = Console(highlight=False)
    if not console.is_terminal:
        yield Lines(sys.stdout, sys.stderr)
        return
    with Live(console=console, auto_refresh=False, transient=True, vertical_overflow="visible") as live:
        yield Screen(live)


class Lines:
    """Finished segments as plain lines; everything else on the error stream."""

    def __init__(self, text: TextIO, trouble: TextIO) -> None:
        self._text = text
        self._trouble = trouble

    def note(self, sentence: str) -> None:
        """Write a remark of our own."""
        print(f"undertext: {sentence}", file=self._trouble, flush=True)

    def show(self, event: Event) -> None:
        """Write what a reader of lines should see of an event."""
        match event:
            case Caption(final=True) if event.committed:
                print(event.committed, file=self._text, flush=True)
            case Gap() | Failure():
                self.note(remark(event))
            case StateChange(state=State.RECOVERING):
                self.note(event.detail)


class Screen:
    """Finished segments above; below, the segment that grows: bright what is final, dim what may change."""

    def __init__(self, live: Live) -> None:
        self._live = live

    def note(self, sentence: str) -> None:
        """Write a remark of our own."""
        self._say(Text(f"{sentence[:1].upper()}{sentence[1:]}.", "yellow"))

    def show(self, event: Event) -> None:
        """Draw an event."""
        match event:
            case Caption(final=True):
                self._say(Text(event.committed))
            case Caption():
                self._draw(Text.assemble((event.committed, "bold"), (event.unstable, "dim italic")))
            case Gap() | Failure():
                self._say(Text(remark(event), "yellow"))
            case StateChange() if event.state in {State.LOADING, State.RECOVERING}:
                self._draw(Text(event.detail or "Loading the model …", "dim"))
            case StateChange(state=State.LISTENING):
                self._draw(Text(f"Listening to {event.detail} …", "dim"))

    def _say(self, line: Text) -> None:
        """Let a line stand for good, above what grows next."""
        self._draw(Text())
        if line.plain:
            self._live.console.print(line)

    def _draw(self, text: Text) -> None:
        self._live.update(text, refresh=True)


def remark(event: Gap | Failure) -> str:
    """Return what a person should read of a gap or a failure: one line."""
    if isinstance(event, Gap):
        return f"{seconds(event.stop - event.start):.1f} s were not captioned: {event.reason}."
    return f"{event.message}. {event.hint}".rstrip()
