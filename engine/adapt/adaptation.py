"""An adaptation as a whole: what is wanted → original, sounds and a forecast → steps → the folder with its card."""

import json
import platform
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import cached_property
from hashlib import sha256
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from engine.adapt.card import Base, Making, card, noted
from engine.adapt.corrections import Corrections, find_corrections
from engine.adapt.float_model import FloatModel, find_float_model
from engine.adapt.forecast import free_memory, gigabytes, kept_bytes, left_bytes, refuse_too_large
from engine.adapt.items import Drawn, Items
from engine.adapt.library import Clip, Credit, Library, Report, gather
from engine.adapt.lora import folded, narrow
from engine.adapt.measure import Row, own_table, table
from engine.adapt.network import FROZEN, Network, named, trainable
from engine.adapt.order import Order
from engine.adapt.records import Item
from engine.adapt.run import Progress, Watch, run
from engine.adapt.saving import SHARE, refuse_foreign, save
from engine.adapt.shards import ALONE, Shards
from engine.adapt.sources import SOURCES
from engine.adapt.state import Followed, Work
from engine.adapt.teacher import Original
from engine.adapt.training import WEIGHTS, Mixed, Options, Training
from engine.adapt.voices import VOICES
from engine.errors import AdaptationError, CudaUnavailable
from engine.models.store import Store
from engine.settings import CPU, CUDA
from engine.units import seconds
from engine.whisper.cuda.device.presence import cuda_problem
from engine.whisper.cuda.model.budget import left_alone
from engine.whisper.cuda.model.weights import read_checkpoint
from engine.whisper.tokenizer import LANGUAGES, Tokenizer

SPOKEN, SILENT = 40, 20  # clips that are measured, at most; windows of seven contexts, and cut off besides


class Adaptation:
    """What an order comes to, step by step: looked at, heard, learned, written.

    Args:
        order: What is wanted.
        store: The models of this machine.

    Raises:
        EngineError: There is no such model, or it is no use.
    """

    def __init__(self, order: Order, store: Store) -> None:
        self.order, self.shards = order, ALONE
        self._learned: Mapping[str, torch.Tensor] = {}
        self.original: FloatModel = find_float_model(order.model, store, order.home / "models")
        self.device = _device(order.device)
        self.checkpoint = read_checkpoint(self.original.folder)

    @cached_property
    def free(self) -> int | None:
        """Bytes of memory that each process may take; None where nobody knows."""
        if self.device.type != CPU:
            return _free_on_card()
        free = free_memory()
        return None if free is None else free // self.order.plan.processes

    def refuse_impossible(self) -> None:
        """See that there is room for all of it, and that the folder may be written.

        Raises:
            ModelTooLarge: It does not fit into memory; the hint has the setting with which it would.
            AdaptationError: It does not fit onto the disk, or between so many processes; or nothing was corrected.
            SettingsError: The folder is somebody else's.
        """
        plan = self.order.plan
        refuse_foreign(self.order.out)
        _ = self.corrections
        if plan.batch % plan.processes:
            raise AdaptationError(
                f"{plan.batch} items of a step cannot be shared by {plan.processes} processes",
                hint=f"Take --batch {-(-plan.batch // plan.processes) * plan.processes}.",
            )
        refuse_too_large(self.checkpoint.dims, plan, self.free)
        self._refuse_full_disk()

    @property
    def work(self) -> Path:
        """The folder that keeps the state."""
        if self.order.work is not None:
            return self.order.work
        wanted = sha256(json.dumps([self._wanted, list(map(str, self.order.audio))]).encode()).hexdigest()[:12]
        return self.order.home / f"{self.original.name}-{wanted}"

    def gather(self, report: Report) -> Library:
        """Find and make everything that is to be heard.

        Raises:
            MediaUnreadable: There is no speech in all of it.
        """
        order = self.order
        library = gather(order.home / "sounds", order.audio, self.languages, root=order.root, report=report)
        self.__dict__["library"] = library
        return library

    @cached_property
    def library(self) -> Library:
        """What is heard; raises as `gather`."""
        return self.gather(lambda _name, _done, _of: None)

    @cached_property
    def corrections(self) -> Corrections | None:
        """What the person corrected; None where it is not to be learned from.

        Raises:
            AdaptationError: There is nothing of the kind.
        """
        if self.order.corrections is None:
            return None
        return find_corrections(self.order.corrections, {"en"} if self.original.installed.english_only else LANGUAGES)

    @property
    def credits(self) -> tuple[Credit, ...]:
        """What is trained with, all of it."""
        own = () if self.corrections is None else (self.corrections.credit,)
        return (*own, *self.library.credits)

    @property
    def languages(self) -> tuple[str, ...]:
        """What the model is to hear, as far as there are sources: an English one English only."""
        if self.original.installed.english_only:
            return ("en",)
        found = {source.language for source in SOURCES} | {voice.language for voice in VOICES}
        return tuple(sorted(language for language in found if language))

    def train(self, watch: Watch, shards: Shards = ALONE) -> Progress | None:
        """Take the steps that are left; return how far they came, or None if none was left.

        Args:
            watch: Who looks on; of several processes, the first one's.
            shards: The processes that train together.

        Raises:
            AdaptationError: The state is damaged, of another adaptation, or another process is at work on it.
        """
        self.shards, items, batch = shards, self._items, self.order.plan.batch

        def draw(step: int) -> Sequence[Item]:
            return Drawn(items, range(step * batch, (step + 1) * batch))

        def agree(thought: Sequence[float]) -> Sequence[float]:
            mine = thought if shards.rank == 0 else [0.0] * len(thought)
            return list(map(float, shards.total(torch.tensor(mine, dtype=torch.float64)).tolist()))

        work = self._work if shards.rank == 0 else Followed(self.work, self._identity)
        with self._work.held() if shards.rank == 0 else nullcontext():
            progress = run(self._training, draw, work, self.order.goal, replace(watch, agree=agree))
            self._learned, _ = self._training.state()
        return progress

    def write(self, tell: Callable[[Row], None]) -> None:
        """Write the folder, measured, and delete the state.

        Args:
            tell: Is told of every row of the table.

        Raises:
            OSError: It cannot be written; the state stands.
        """
        clips = thinned(self.library.held_out)
        own = thinned(self.corrections.held_out) if self.corrections else []

        def describe(folder: Path) -> str:
            rows = []
            plain = table(self.original.folder, folder, clips) if clips else ()
            corrected = own_table(self.original.folder, folder, own) if own else ()
            for row in chain(plain, corrected):
                rows.append(row)
                tell(row)
            return card(self.order.out.name, self._making([*clips, *own], rows))

        note = noted(self._base, self._chosen)
        save(self.original.folder, self.weights(), self.order.out, note, describe=describe)
        self._work.clear()

    @property
    def _chosen(self) -> dict[str, object]:
        return self.order.chosen(self._training.made)

    @property
    def _wanted(self) -> dict[str, Any]:
        corrected = {"corrections": self.corrections.fingerprint} if self.corrections else {}
        return {"model": self.original.sha256, **self.order.decisive(), **corrected}

    @cached_property
    def _identity(self) -> dict[str, Any]:
        heard = [(str(track.about.source), track.about.voice, track.length) for track in self.library.tracks]
        return self._wanted | {"sounds": sha256(json.dumps(heard).encode()).hexdigest()}

    @cached_property
    def _work(self) -> Work:
        return Work(self.work, self._identity)

    @property
    def _items(self) -> Items:
        return Items(self.library, self.order.seed, corrections=self.corrections)

    @cached_property
    def _training(self) -> Training:
        plan = self.order.plan
        dtype = torch.float32 if self.device.type == CPU else torch.float16
        swift = self.order.mixed is Mixed.BFLOAT16
        original = Original(self.checkpoint, Tokenizer(self.original.folder), self.device, dtype, swift=swift)
        options = Options(at_once=min(plan.at_once, plan.batch), mixed=self.order.mixed, frugal=plan.checkpointing)
        return Training(self._student(self.device), original, options, self.shards)

    def _student(self, device: torch.device) -> Network:
        student = trainable(self.checkpoint, device)
        if self.order.plan.lora:
            narrow(student, self.order.plan.lora)
        return student

    def weights(self) -> Mapping[str, NDArray[np.float32]]:
        """Return what was learned, whole and in main memory, by CTranslate2's names."""
        student = self._student(torch.device(CPU))
        with torch.no_grad():
            for name, each in named(student):
                if each.requires_grad:
                    each.copy_(self._learned[WEIGHTS + name])
        return {name: each.numpy() for name, each in folded(student).items() if name not in FROZEN}

    @property
    def _base(self) -> Base:
        found, model = self.original, self.original.model
        published = (model.repository, model.revision or "", model.licence) if model else ("", "", "")
        return Base(found.name, found.sha256, *published, english_only=found.installed.english_only)

    def _making(self, clips: Sequence[Clip], rows: Sequence[Row]) -> Making:
        return Making(
            base=self._base,
            command=self.order.command(self._training.made),
            sources=self.credits,
            settings=self._chosen,
            share=SHARE,
            versions={
                "Python": platform.python_version(),
                **{name: version(name) for name in ("torch", "ctranslate2")},
            },
            held_out=(len(clips), sum(seconds(len(clip.sound)) for clip in clips)),
            rows=rows,
        )

    def _refuse_full_disk(self) -> None:
        dims, plan = self.checkpoint.dims, self.order.plan
        for folder, wanted in ((self.work, kept_bytes(dims, plan)), (self.order.out, left_bytes(dims))):
            here = next(path for path in (folder, *folder.absolute().parents) if path.is_dir())
            if (free := shutil.disk_usage(here).free) < wanted:
                raise AdaptationError(
                    f"{folder} needs {gigabytes(wanted)}, and {gigabytes(free)} are free on its disk",
                    hint="Free space there, or name other folders with --out and --keep-going.",
                )


def thinned(clips: Sequence[Clip]) -> list[Clip]:
    """Return as many clips as are measured, of all voices and noises alike."""
    spoken = [clip for clip in clips if clip.text]
    silent = [clip for clip in clips if not clip.text]
    return [*_spread(spoken, SPOKEN), *_spread(silent, SILENT)]


def _spread(clips: Sequence[Clip], most: int) -> list[Clip]:
    return [clips[index * len(clips) // most] for index in range(most)] if len(clips) > most else list(clips)


def _device(wanted: str) -> torch.device:
    problem = cuda_problem()
    if wanted == CUDA and problem:
        raise CudaUnavailable(f"no graphics card can be used here: {problem}", hint="Leave --device away.")
    return torch.device(CPU if wanted == CPU or problem else CUDA)


def _free_on_card() -> int:
    free, total = map(int, torch.cuda.mem_get_info())
    return max(0, free - left_alone(total))
