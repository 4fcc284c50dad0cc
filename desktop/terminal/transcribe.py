"""`undertext transcribe FILES…`: whole recordings into text, subtitles or JSON, as fast as the machine can.

What was done is left alone, what was broken off goes on where it was: the same command may be given again and again.
"""

import argparse
import os
import sys
from contextlib import closing
from pathlib import Path
from typing import NoReturn

from desktop import paths
from desktop.terminal import INTERRUPTED
from desktop.terminal.arguments import declare_work, make_folder, terms
from desktop.terminal.progress import Meter, view
from desktop.wiring import Engine
from engine.errors import MediaUnreadable, SettingsError
from engine.recordings.cluster import Cluster
from engine.recordings.delivery import Order, deliver
from engine.recordings.places import Place, places
from engine.recordings.transcriber import MIXED, Crew, Transcriber
from engine.recordings.worker import Work
from engine.settings import AUTO, ENGLISH, TRANSLATE, EngineSettings
from engine.transcript.export import FORMATS

NAME = "transcribe"
HELP = "transcribe whole recordings, as fast as this machine can"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "files", nargs="+", metavar="FILE", help="audio or video files, folders of them, or patterns such as '*.mp3'"
    )
    parser.add_argument(
        "--format", default="txt", metavar="KINDS", help=f"some of {','.join(FORMATS)}, with commas (default: txt)"
    )
    parser.add_argument("--output", type=Path, metavar="DIR", help="where to write (default: beside each recording)")
    parser.add_argument("--model", metavar="NAME|DIR", help="a model's name or folder (default: the best there is)")
    parser.add_argument(
        "--language",
        default=AUTO,
        metavar="CODE",
        type=str.lower,
        help=f"en, de, ja …; auto (default) hears it at the beginning of each file, {MIXED} all the time",
    )
    declare_work(parser)
    parser.add_argument(
        "--cluster",
        metavar="ADDRESS",
        help="hear them on the workers of a Ray cluster, which trusts everybody who can reach it: host:port, "
        "ray://host:port, auto, or local for one of its own; recordings and model in folders that all machines share; "
        "--threads is then that of each worker, and --device cuda gives each a GPU",
    )
    parser.add_argument("--threads", type=int, default=0, metavar="N", help="processor cores to use (default: all)")
    parser.add_argument("--again", action="store_true", help="do again what is done, and replace what is there")


def run(options: argparse.Namespace) -> int:
    """Transcribe every file; return 0, or 1 if some could not be."""
    formats = _formats(options.format)
    settings = EngineSettings(
        language=AUTO if options.language == MIXED else options.language,
        task=options.task,
        vocabulary=terms(options.vocabulary),
        device=options.device,
        threads=options.threads,
    )
    found = _places(options)
    engine = Engine(settings, options.model, live=False)
    order = Order(
        formats=formats,
        model=engine.installed.name,
        settings=engine.identity | {"language": options.language},
        translated=ENGLISH if options.task == TRANSLATE else "",
        again=options.again,
    )

    def crew() -> Crew:
        if options.cluster:
            work = Work(engine.installed.path.absolute(), engine.installed.context, settings, options.language)
            return Cluster(options.cluster, work)
        return Transcriber(engine.batch_recognizer, options.language, options.task)

    meter = Meter({place: _size(place.recording) for place in found})
    try:
        with view(meter) as show, closing(deliver(found, order, paths.recordings(), crew)) as reports:
            engine.tell = lambda failure: show.note(failure.message)
            for report in reports:
                show.report(report)
            show.note(meter.summary())
    except KeyboardInterrupt:
        _leave()
    finally:
        engine.close()
    return 1 if meter.failed else 0


def _formats(text: str) -> tuple[str, ...]:
    kinds = tuple(dict.fromkeys(kind.strip().lower() for kind in text.split(",")))
    for kind in kinds:
        if kind not in FORMATS:
            raise SettingsError(f"there is no format {kind!r}", hint=f"Choose from {', '.join(FORMATS)}.")
    return kinds


def _places(options: argparse.Namespace) -> list[Place]:
    found = places(options.files, options.output)
    if not found:
        raise MediaUnreadable(f"there is no recording in {', '.join(options.files)}", hint="Name audio or video files.")
    if options.output is not None:
        make_folder(options.output)
    return found


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _leave() -> NoReturn:
    """End at once: a search that has begun cannot be broken off, and nothing hangs on its end."""
    sys.stdout.flush()
    print(
        "undertext: stopped. What is finished is kept: the same command goes on from there.",
        file=sys.stderr,
        flush=True,
    )
    os._exit(INTERRUPTED)
