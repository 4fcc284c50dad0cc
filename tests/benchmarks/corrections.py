"""What a person's own corrections are worth: half of a reader's clips is corrected, the other half is measured.

    python -m tests.benchmarks.corrections tiny.en --audio ../shared/audio --steps 300

Half of a group's clips is captioned as `undertext caption --save DIR --keep-sound` does, the true text is written into
every segment by what the window calls (`Library.correct`), `undertext adapt --corrections` learns, and the word error
rate of the other half is told before and after; and that of another group, so that it is seen what else has changed. A
clip is one segment as a rule; of more, each gets the true words that match what was heard there. Options that are not
named below go to `undertext adapt`.
"""

import argparse
import queue
import tempfile
from collections.abc import Sequence
from difflib import SequenceMatcher
from pathlib import Path

from desktop import paths
from desktop.terminal import adapt
from desktop.wiring import Engine, open_session
from engine.adapt.float_model import find_float_model
from engine.adapt.library import Clip
from engine.adapt.measure import measured, shown
from engine.audio.sources import ArraySource
from engine.models.store import Store
from engine.records import Event, State, StateChange
from engine.settings import EngineSettings
from engine.speech.certainty import plain
from engine.transcript.library import Library
from engine.units import SAMPLE_RATE
from engine.whisper.recognizer import Context
from tests.benchmarks.recordings import Recording, group

LANGUAGE = "en"
RESTING = {State.IDLE, State.FAILED}


def kept(engine: Engine, recording: Recording, folder: Path) -> str | None:
    """Caption a recording with its sound kept; return the name of its transcript."""
    events: queue.SimpleQueue[Event] = queue.SimpleQueue()
    session = open_session(lambda: engine, events.put, folder, keeps_sound=lambda: True)
    session.start(ArraySource(recording.fed, SAMPLE_RATE, name=recording.name))
    while not (isinstance(event := events.get(), StateChange) and event.state in RESTING):
        pass
    session.close()
    return session.transcript_id


def corrected(folder: Path, session: str, transcript: str) -> int:
    """Write the true words into the segments of a session; return how many it has."""
    library = Library(folder)
    segments = library.read(session).segments
    for segment, text in zip(segments, shared(transcript, [each.text for each in segments]), strict=True):
        library.correct(session, segment.id, text)
    return len(segments)


def shared(transcript: str, heard: Sequence[str]) -> list[str]:
    """Return the part of a transcript that belongs to each of the texts that were heard, all of it in order."""
    said, flat = transcript.split(), [plain(word) for text in heard for word in text.split()]
    blocks = SequenceMatcher(None, flat, list(map(plain, said)), autojunk=False).get_matching_blocks()
    texts, word, begin = [], 0, 0
    for number, text in enumerate(heard):
        word += len(text.split())
        end = len(said) if number == len(heard) - 1 else max(begin, _place(blocks, word))
        texts.append(" ".join(said[begin:end]))
        begin = end
    return texts


def _place(blocks: Sequence[tuple[int, int, int]], at: int) -> int:
    """Return the place in the second text of a place in the first, between matches by its share of the way."""
    first = second = 0
    for here, there, size in blocks:
        if at <= here:
            return round(second + (there - second) * (at - first) / max(1, here - first))
        if at < here + size:
            return there + at - here
        first, second = here + size, there + size
    return second


def _clips(recordings: Sequence[Recording]) -> list[Clip]:
    return [Clip(each.samples, each.transcript, each.group, LANGUAGE) for each in recordings]


def _tell(name: str, model: str, folder: Path, clips: Sequence[Clip]) -> None:
    for context in (Context.PADDED, shown(1.0)):
        row = measured(model, folder, context, clips)
        rate = "–" if row.error_rate is None else f"{row.error_rate:.1f} % of {row.words}"
        print(f"| {name} ({len(clips)}) | {row.model}, {row.context} | {rate} | {row.loops} |", flush=True)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("model", help="its name or folder; of float weights")
    parser.add_argument("--audio", type=Path, required=True, metavar="DIR")
    parser.add_argument("--group", default="read_pm", help="whose corrections are learned (default: read_pm)")
    parser.add_argument("--beside", default="native", help="what is measured as well (default: native)")
    parser.add_argument("--limit", type=int, default=0, metavar="N", help="clips of each group, about")
    parser.add_argument("--work", type=Path, metavar="DIR", help="keep transcripts, state and model there")
    options, given = parser.parse_known_args()
    with tempfile.TemporaryDirectory() as scratch:
        _compare(options, given, options.work or Path(scratch))


def _compare(options: argparse.Namespace, given: Sequence[str], work: Path) -> None:
    from desktop.terminal.adapting import carry_out  # torch

    recordings, beside = (list(group(options.audio, name, options.limit)) for name in (options.group, options.beside))
    learned, rest = recordings[::2], recordings[1::2]
    transcripts, out = work / "transcripts", work / "model"
    engine = Engine(EngineSettings(language=LANGUAGE), options.model)
    sessions = [kept(engine, recording, transcripts) for recording in learned]
    count = sum(
        corrected(transcripts, name, recording.transcript)
        for name, recording in zip(sessions, learned, strict=True)
        if name is not None
    )
    print(f"{len(learned)} clips of {options.group} were captioned: {count} segments, all corrected.", flush=True)
    parser = argparse.ArgumentParser()
    adapt.configure(parser)
    own = ["--corrections", "--from", str(transcripts), "--keep-going", str(work / "state"), "--out", str(out)]
    if carry_out(parser.parse_args([options.model, *own, *given])):
        raise SystemExit("stopped: with --work, the same command goes on")
    original = find_float_model(options.model, Store(paths.models()), paths.adaptations() / "models")
    print("\n| clips | model, shown | word errors | loops |\n|---|---|---|---|")
    for name, clips in ((f"{options.group}, not learned", _clips(rest)), (options.beside, _clips(beside))):
        for model, folder in (("before", original.folder), ("after", out)):
            _tell(name, model, folder, clips)


if __name__ == "__main__":
    main()
