"""What is wanted of an adaptation: the order, and how it is given again."""

import shlex
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from engine.adapt.forecast import Plan
from engine.adapt.run import Goal
from engine.adapt.training import Mixed
from engine.settings import CPU


@dataclass(frozen=True, slots=True)
class Order:
    """What is wanted.

    Attributes:
        model: Name or folder of the original.
        out: The folder that is to be left.
        home: Where sounds and states are kept.
        goal: When it is over.
        audio: Folders of the person's own.
        work: Where the state of this run is kept; None for a folder below `home` that the order itself names.
        seed: Of the items.
        device: One of `engine.settings.DEVICES`.
        plan: What costs memory and time.
        mixed: In which floats a step computes.
        root: Where Debian's packages are installed.
        corrections: The folder of the person's transcripts, to learn from what they corrected; None is not to.
    """

    model: str
    out: Path
    home: Path
    goal: Goal
    audio: tuple[Path, ...] = ()
    work: Path | None = None
    seed: int = 1
    device: str = CPU
    plan: Plan = field(default_factory=Plan)
    mixed: Mixed = Mixed.FLOAT32
    root: Path = Path("/")
    corrections: Path | None = None

    def decisive(self) -> dict[str, Any]:
        """Return what the result hangs on, model and sounds aside; what only costs memory may change on the way."""
        return {
            "seed": self.seed,
            "batch": self.plan.batch,
            "floats": self.mixed.value,
            "lora": self.plan.lora,
            "goal": asdict(self.goal),
        }

    def chosen(self, steps: int) -> dict[str, object]:
        """Return the same for people, after so many steps."""
        return {
            "steps": steps,
            "items a step": self.plan.batch,
            "seed": self.seed,
            "floats": self.mixed.value,
            "rank of LoRA": self.plan.lora or "none",
        }

    def command(self, steps: int) -> str:
        """Return the command that makes as many steps again."""
        words = ["undertext", "adapt", self.model, "--out", self.out.name]
        words += [word for folder in self.audio for word in ("--audio", str(folder))]
        words += ["--steps", str(steps), "--seed", str(self.seed), "--batch", str(self.plan.batch)]
        words += ["--precision", self.mixed.value] if self.mixed is not Mixed.FLOAT32 else []
        words += ["--lora", str(self.plan.lora)] if self.plan.lora else []
        words += ["--corrections"] if self.corrections else []
        return shlex.join(words)
