"""A step of the training: what the original makes of some items, how far the student is from it, and a little nearer.

Everything that chance or time could change is an argument: the items, and how much of the run is over. What a step
leaves behind is its state, tensors and numbers; restored, the run goes on as if it had never stopped.
"""

import math
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from enum import StrEnum

import torch
from torch import Tensor, nn

from engine.adapt.heap import give_back
from engine.adapt.losses import Judge
from engine.adapt.network import Network, named
from engine.adapt.records import Item
from engine.adapt.shards import ALONE, Shards, part, whole
from engine.adapt.teacher import Original, Target

BETAS = (0.9, 0.98)  # as Whisper was trained (Radford et al., 2022, appendix F)
EPS = 1e-6  # the same
FIRST_SCALE = 2.0**12  # of the loss in float16; it is doubled or halved as it goes
_SCALER = {"scale": "scale", "growth": "_growth_tracker"}  # names of a state's numbers, and the scaler's for them
_FIRST, _SECOND, WEIGHTS = "first/", "second/", "weights/"  # what the names of a state's tensors begin with


class Mixed(StrEnum):
    """In which floats a step computes; weights and moments are float32 whichever it is."""

    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"
    FLOAT16 = "float16"  # with its loss scaled, so that small gradients are not lost

    @property
    def dtype(self) -> torch.dtype:
        """The same, as torch calls it."""
        found: torch.dtype = getattr(torch, self.value)
        return found


@dataclass(frozen=True, slots=True)
class Options:
    """How to train.

    Attributes:
        rate: Learning rate at its highest: an eighth of what Whisper tiny was trained with (1.5e-3). Chosen on
            tiny.en: a seventh of it leaves loops in short windows.
        warm_up: Steps until it is reached.
        decay: Weight decay of matrices.
        most: Gradients are no longer than this, all together.
        attention: What a nat of attention counts, beside one of words.
        at_once: Items whose gradients are computed at a time; more of a step are added up.
        mixed: In which floats.
        frugal: Whether what layers computed is computed again on the way back, and not held.
    """

    rate: float = 2e-4
    warm_up: int = 20
    decay: float = 0.0
    most: float = 1.0
    attention: float = 0.5
    at_once: int = 8
    mixed: Mixed = Mixed.FLOAT32
    frugal: bool = False

    def rate_at(self, step: int, done: float) -> float:
        """Return the learning rate: it climbs for some steps, and falls with the run, to nothing at its end.

        Args:
            step: How many were made before.
            done: Share of the run that is over, 0…1; of its steps or of its time.
        """
        return self.rate * min(1.0, (step + 1) / self.warm_up) * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))


@dataclass(frozen=True, slots=True)
class Figures:
    """What a step was like.

    Attributes:
        step: How many have been made.
        words: Divergence from the original's words, in nats a token.
        silence: The same where nobody speaks.
        attention: Divergence from the original's attention, in nats a token and head.
        norm: Length of the gradient before it was cut.
        rate: Learning rate.
        spoken: Items in which somebody speaks.
        dropped: Of these, items that the original had nothing to teach of.
        skipped: Whether nothing was changed, because a gradient was no number.
    """

    step: int
    words: float
    silence: float
    attention: float
    norm: float
    rate: float
    spoken: int
    dropped: int
    skipped: bool


class Training:
    """A student, and what it takes to make it better.

    Args:
        student: Whose parameters change, as far as they want a gradient.
        original: What it learns from.
        options: How.
        shards: The processes that train together; the student is split among them.

    Attributes:
        student: As given.
        made: Steps so far.
    """

    def __init__(self, student: Network, original: Original, options: Options, shards: Shards = ALONE) -> None:
        self.student, self._original, self._options, self._shards = student, original, options, shards
        student.share(original.embeddings)
        shards.split(student)
        student.frugal = options.frugal
        self.made = 0
        self._judge = Judge(original.embeddings, original.no_speech)
        self._trained = {name: each for name, each in named(student) if each.requires_grad}
        matrices = [each for each in self._trained.values() if each.dim() > 1]
        others = [each for each in self._trained.values() if each.dim() <= 1]
        groups = [{"params": matrices, "weight_decay": options.decay}, {"params": others, "weight_decay": 0.0}]
        self._optimizer = torch.optim.AdamW(groups, lr=0.0, betas=BETAS, eps=EPS, fused=True)
        self._device = matrices[0].device
        scaled = options.mixed is Mixed.FLOAT16
        self._scaler = torch.amp.GradScaler(self._device.type, init_scale=FIRST_SCALE, enabled=scaled)

    def step(self, items: Sequence[Item], done: float = 0.0) -> Figures:
        """Make the student a little better.

        Args:
            items: What it learns from, all counting alike.
            done: Share of the run that is over, 0…1.
        """
        own = self._shards.own(items)
        sums = torch.zeros(5)  # of the losses, of the items in which somebody speaks, and of those that were dropped
        self._optimizer.zero_grad()
        for first in range(0, len(own), self._options.at_once):
            sums += self._learned(list(own[first : first + self._options.at_once]), len(own))
        words, silence, attention, spoken, dropped = self._shards.total(sums).tolist()
        rate = self._options.rate_at(self.made, done)
        norm = self._moved(rate)
        give_back()
        taught, silent = max(1.0, spoken - dropped), max(1.0, len(items) - spoken)
        return Figures(
            step=self.made,
            words=words / taught,
            silence=silence / silent,
            attention=attention / taught,
            norm=norm,
            rate=rate,
            spoken=int(spoken),
            dropped=int(dropped),
            skipped=not math.isfinite(norm),
        )

    def _learned(self, items: Sequence[Item], of: int) -> Tensor:
        """Add up the gradients of items that are seen at once; return their losses, and two counts, [5]."""
        targets = self._original.targets(items)
        taught = [(item, target) for item, target in zip(items, targets, strict=True) if target]
        spoken = sum(item.spoken for item in items)
        sums = torch.tensor([0.0, 0.0, 0.0, spoken, len(items) - len(taught)])
        if taught:
            sums[:3] = self._from(taught, 1 / of)
        else:  # other processes wait for this one's part in what they compute together
            silence = replace(items[0], spoken=False)
            self._from([(silence, self._original.targets([silence])[0])], 0.0)
        return sums

    def _from(self, taught: Sequence[tuple[Item, Target]], weight: float) -> Tensor:
        """Add up the gradients of items, each of some weight, and return their losses [3]."""
        states = [self._original.heard(item) for item, _ in taught]
        texts = [torch.tensor(target.tokens, device=self._device) for _, target in taught]
        mixed = self._options.mixed
        with torch.autocast(self._device.type, mixed.dtype) if mixed is not Mixed.FLOAT32 else nullcontext():
            reading = self.student(states, texts)
        loss = self._judge.loss(reading, [target for _, target in taught])
        far = loss.words + loss.silence + self._options.attention * loss.attention
        self._scaler.scale(far * weight).backward()
        return torch.stack([loss.words, loss.silence, loss.attention]).detach().cpu()

    def _moved(self, rate: float) -> float:
        """Change the weights by their gradients, unless one is no number, and return the gradients' length."""
        self.made += 1
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        self._scaler.unscale_(self._optimizer)
        cut = nn.utils.clip_grad_norm_(self._trained.values(), self._options.most)
        norm = float(whole(cut))
        if self._scaler.is_enabled():
            self._scaler.step(self._optimizer)
            self._scaler.update()
        elif math.isfinite(norm):
            self._optimizer.step()
        return norm

    def state(self) -> tuple[dict[str, Tensor], dict[str, float]]:
        """Return everything the next step depends on: tensors, not copied, and numbers; all processes must ask."""
        tensors, steps = {}, 0.0
        for name, parameter in self._trained.items():
            tensors[WEIGHTS + name] = whole(parameter.detach())
            if moments := self._optimizer.state.get(parameter):
                tensors[_FIRST + name], tensors[_SECOND + name] = (
                    whole(moments["exp_avg"]),
                    whole(moments["exp_avg_sq"]),
                )
                steps = float(moments["step"])
        scaler = self._scaler.state_dict()
        numbers = {"made": self.made, "updates": steps}
        return tensors, numbers | {name: float(scaler[key]) for name, key in _SCALER.items() if key in scaler}

    @torch.no_grad()
    def restore(self, tensors: Mapping[str, Tensor], numbers: Mapping[str, float]) -> None:
        """Take a state on, which `state` of a run with the same model and options has returned.

        Raises:
            KeyError: It is that of another model.
        """
        self.made = int(numbers["made"])
        for name, parameter in self._trained.items():
            parameter.copy_(part(tensors[WEIGHTS + name], parameter))
            if _FIRST + name in tensors:
                first, second = (part(tensors[kind + name], parameter) for kind in (_FIRST, _SECOND))
                self._optimizer.state[parameter] = {
                    "step": torch.tensor(numbers["updates"], device=parameter.device),
                    "exp_avg": torch.empty_like(parameter).copy_(first),
                    "exp_avg_sq": torch.empty_like(parameter).copy_(second),
                }
        if self._scaler.is_enabled():
            self._scaler.load_state_dict(
                self._scaler.state_dict() | {_SCALER[n]: v for n, v in numbers.items() if n in _SCALER}
            )
