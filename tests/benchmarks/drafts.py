"""What drafts save: live captions of real recordings by the GPU's recogniser on the processor, and CTranslate2's.

    python -m tests.benchmarks.drafts
    python -m tests.benchmarks.drafts --model live --beam 1 --clips native/jfk.flac

A greedy text without a draft takes a step for each of its tokens; with one, for each token that was not drafted right.
Steps are counted, no time is taken: the processor says nothing of a GPU. *Reads* are how often the host waited for the
device. The captions of both recognisers are compared with what was said.
"""

import argparse
from collections.abc import Sequence

import torch

from desktop.wiring import Engine
from engine.audio.sources import FileSource
from engine.pipeline import Pipeline
from engine.records import Caption
from engine.settings import EngineSettings
from engine.whisper.cuda.device.host import HostDevice
from engine.whisper.cuda.recognizer import CudaRecognizer
from engine.whisper.recognizer import Recognizer
from tests.benchmarks.recordings import chosen
from tests.benchmarks.replay import normalise
from tests.material import SHARED

CLIPS = ("native/jfk.flac", "ljspeech/LJ001-0001.wav", "native/sense_and_sensibility_01_austen_64kb-0870.wav")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="tiny.en", help="tiny.en, base, or live (in the shared folder)")
    parser.add_argument(
        "--beam", type=int, default=5, help="of pauses, and of every update where a model is made for it"
    )
    parser.add_argument("--clips", nargs="+", default=CLIPS)
    told = parser.parse_args(arguments)
    torch.set_num_threads(1)
    name = str(SHARED / "models" / "whisper-tiny.en-live") if told.model == "live" else told.model
    engine = Engine(EngineSettings(language="en", beam=told.beam), name)
    installed = engine.installed
    ours = CudaRecognizer(installed.path, installed.context, engine.settings, HostDevice())
    print("| clip | texts | tokens | drafted | right | steps | reads | words | same as CTranslate2's | errors | its |")
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    before = [0] * 6
    for clip in chosen(SHARED / "audio", told.clips):
        mine, theirs = (captioned(each, engine.settings, clip.name) for each in (ours, engine.recognizer))
        counts = ours.counts
        now = [counts.decoded, counts.written, counts.drafted, counts.accepted, counts.steps, counts.reads]
        texts, tokens, drafted, right, _, reads = (a - b for a, b in zip(now, before, strict=True))
        before = now
        errors = [wrong(clip.transcript, text) for text in (mine, theirs)]
        print(f"| {clip.name} | {texts} | {tokens} | {drafted} | {right} | {tokens - right} | {reads} | "
              f"{len(mine.split())} | {'yes' if mine == theirs else f'{wrong(theirs, mine)} differ'} | "
              f"{errors[0]} | {errors[1]} |", flush=True)  # fmt: skip


def captioned(recognizer: Recognizer, settings: EngineSettings, clip: str) -> str:
    """Return all committed text of a recording."""
    pipeline, source = Pipeline(recognizer, settings), FileSource(SHARED / "audio" / clip)
    events = []
    source.open()
    while not source.exhausted:
        for block in source.read(0):
            events += pipeline.feed(block)
    events += pipeline.finish()
    return "".join(word.text for event in events if isinstance(event, Caption) for word in event.words)


def wrong(said: str, written: str) -> int:
    """Return how many words are wrong."""
    import jiwer

    result = jiwer.process_words(normalise(said), normalise(written))
    return result.substitutions + result.deletions + result.insertions


if __name__ == "__main__":
    main()
