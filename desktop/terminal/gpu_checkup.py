"""`undertext doctor --gpu`: whether the graphics card computes what it should, and how long it takes."""

from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version

from rich.console import Console
from rich.table import Table
from rich.text import Text

from desktop.known_speech import known_speech
from desktop.wiring import Engine
from engine.errors import CudaUnavailable
from engine.settings import CPU, EngineSettings
from engine.whisper.driver import Driver, find_driver
from engine.whisper.graphics_card import Gpu, Obstacle, find_gpu
from engine.whisper.selftest import check_hearing
from engine.whisper.stopwatch import Times, measure


def run(find: Callable[[], Gpu | Obstacle] | None = None, *, rounds: int = 3) -> int:
    """Check and time it; print a table; return 0.

    Args:
        find: Returns the graphics card; None for the one of this machine.
        rounds: How often the known speech is heard to be timed.

    Raises:
        CudaUnavailable: There is none, or it computes wrongly.
    """
    driver = find_driver()
    gpu = find() if find else find_gpu(driver)
    if isinstance(gpu, Obstacle):
        raise CudaUnavailable(
            f"no graphics card can be used here: {gpu.sentence}",
            hint=gpu.mend or "Undertext computes on the processor.",
        )
    console = Console(highlight=False)
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for name, found in _rows(driver, gpu, rounds):
        table.add_row(name, Text(found))
    console.print(table)
    return 0


def about(driver: Driver | None) -> str:
    """Return what the driver tells of the graphics card, for more to follow; nothing where there is none."""
    if driver is None:
        return ""
    parts = [f"{card.name}, {card.memory_bytes / 2**30:.0f} GB" for card in driver.cards]
    parts += [f"driver {driver.version}"] if driver.version else []
    parts += [f"CUDA {driver.cuda}"] if driver.cuda else []
    parts += [f"torch {torch}"] if driver.cards and (torch := _version("torch")) else []
    return "".join(f"{part}, " for part in parts)


def _rows(driver: Driver | None, gpu: Gpu, rounds: int) -> Iterator[tuple[str, str]]:
    yield "graphics card", f"{about(driver) or gpu.name + ', '}{gpu.free_bytes() / 2**30:.1f} GB free"
    engine = Engine()
    model, clip = engine.installed, known_speech()
    yield "model", f"{model.name} ({model.context.name} context)"
    errors = gpu.check_numbers(model.path)
    worst = max(errors, key=errors.__getitem__)
    yield "its numbers", f"as the processor's: {worst} differs most, by {errors[worst]:.2%}"
    recognizer = gpu.load(model.path, model.context, engine.settings, eight_bits=False, clip=None)
    check_hearing(recognizer, clip)
    yield "known speech", f"understood: “{clip.text}”"
    on_card = measure(recognizer, clip, rounds=rounds)
    on_processor = measure(Engine(EngineSettings(device=CPU)).recognizer, clip, rounds=rounds)
    yield "an update", _compared(on_card, on_processor, lambda times: times.update_ms)
    yield "the slowest", _compared(on_card, on_processor, lambda times: times.slowest_ms)
    yield "an utterance's end", _compared(on_card, on_processor, lambda times: times.close_ms)


def _compared(card: Times, processor: Times, which: Callable[[Times], float]) -> str:
    return f"{which(card):.0f} ms; on the processor {which(processor):.0f} ms"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
