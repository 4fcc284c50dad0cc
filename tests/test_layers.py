"""The architecture, read from the imports: who may know whom, and who owns which library."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PRODUCT = ("engine", "desktop", "main")

# ARCHITECTURE §2, from the top: a room imports only from rooms above it (and from itself). A package that
# stands here holds all of its modules that have no line of their own.
ROOMS = (
    "engine.units",
    "engine.errors",
    "engine.installing",
    "engine.pack.manifest",
    "engine.pack.installed",
    "engine.records",
    "engine.vocabulary",
    "engine.settings",
    "engine.audio.decoder",
    "engine.audio.ring",
    "engine.audio.sources",
    "engine.audio.media",
    "engine.audio.resample",
    "engine.audio.level",
    "engine.audio.flac",
    "engine.speech.leveller",
    "engine.speech.vad",
    "engine.speech.windows",
    "engine.speech.certainty",
    "engine.speech.commit",
    "engine.speech.display",
    "engine.speech.loops",
    "engine.speech.guard",
    "engine.speech.language",
    "engine.speech.pace",
    "engine.speech.segments",
    "engine.whisper.tokenizer",
    "engine.whisper.model_bin",
    "engine.whisper.prompt",
    "engine.whisper.features",
    "engine.whisper.recognizer",
    "engine.whisper.ladder",
    "engine.whisper.driver",
    "engine.whisper.selftest",
    "engine.whisper.stopwatch",
    "engine.whisper.batch",
    "engine.whisper.batch_ladder",
    "engine.whisper.several",
    "engine.whisper.cpu",
    "engine.whisper.cpu_batch",
    "engine.whisper.cuda.kernels.blocks",
    "engine.whisper.cuda.kernels.floor",
    "engine.whisper.cuda.kernels.operations",
    "engine.whisper.cuda.kernels.attention",
    "engine.whisper.cuda.kernels.matrices",
    "engine.whisper.cuda.kernels.launches",
    "engine.whisper.cuda.device.presence",
    "engine.whisper.cuda.device.protocol",
    "engine.whisper.cuda.device.host",
    "engine.whisper.cuda.device.gpu",
    "engine.whisper.cuda.proof.order",
    "engine.whisper.cuda.proof.buffers",
    "engine.whisper.cuda.proof.watching",
    "engine.whisper.cuda.proof.logbook",
    "engine.whisper.cuda.proof.recording",
    "engine.whisper.cuda.model.dims",
    "engine.whisper.cuda.model.budget",
    "engine.whisper.cuda.model.stacked",
    "engine.whisper.cuda.model.weights",
    "engine.whisper.cuda.model.layers",
    "engine.whisper.cuda.model.precision",
    "engine.whisper.cuda.model.whisper",
    "engine.whisper.cuda.sound.mel",
    "engine.whisper.cuda.sound.way",
    "engine.whisper.cuda.sound.encoding",
    "engine.whisper.cuda.sound.ahead",
    "engine.whisper.cuda.decoding.orders",
    "engine.whisper.cuda.decoding.rules",
    "engine.whisper.cuda.decoding.beams",
    "engine.whisper.cuda.decoding.draft",
    "engine.whisper.cuda.decoding.search",
    "engine.whisper.cuda.decoding.timing",
    "engine.whisper.cuda.decoding.alignment",
    "engine.whisper.cuda.decoding.wording",
    "engine.whisper.cuda.decoding.detection",
    "engine.whisper.cuda",
    "engine.whisper.graphics_card",
    "engine.whisper.choice",
    "engine.models.pins",
    "engine.models.catalog",
    "engine.models.places",
    "engine.models.quantise",
    "engine.models.checks",
    "engine.models.disk",
    "engine.pack.archive",
    "engine.pack.trial",
    "engine.pack.keeping",
    "engine.models.record",
    "engine.models.installed",
    "engine.models.shelf",
    "engine.models.download",
    "engine.models.hub",
    "engine.models.store",
    "engine.models.lighter",
    "engine.transcript.disk",
    "engine.transcript.text",
    "engine.transcript.records",
    "engine.transcript.log",
    "engine.transcript.journal",
    "engine.transcript.cues",
    "engine.transcript.replay",
    "engine.transcript.sound",
    "engine.transcript.listening",
    "engine.transcript.library",
    "engine.transcript.export",
    "engine.hearing",
    "engine.pipeline",
    "engine.run",
    "engine.session",
    "engine.eventlog",
    "engine.recordings.cutting",
    "engine.recordings.listening",
    "engine.recordings.hearing",
    "engine.recordings.text",
    "engine.recordings.transcriber",
    "engine.recordings.ledger",
    "engine.recordings.places",
    "engine.recordings.worker",
    "engine.recordings.pool",
    "engine.recordings.cluster",
    "engine.recordings.delivery",
    "engine.adapt.records",
    "engine.adapt.phrases",
    "engine.adapt.voices",
    "engine.adapt.sources",
    "engine.adapt.tracks",
    "engine.adapt.codecs",
    "engine.adapt.degrade",
    "engine.adapt.talkie",
    "engine.adapt.utterances",
    "engine.adapt.gather",
    "engine.adapt.library",
    "engine.adapt.corrections",
    "engine.adapt.speakers",
    "engine.adapt.noises",
    "engine.adapt.items",
    "engine.adapt.greedy",
    "engine.adapt.teacher",
    "engine.adapt.layers",
    "engine.adapt.network",
    "engine.adapt.lora",
    "engine.adapt.losses",
    "engine.adapt.shards",
    "engine.adapt.heap",
    "engine.adapt.training",
    "engine.adapt.forecast",
    "engine.adapt.state",
    "engine.adapt.run",
    "engine.adapt.float_model",
    "engine.adapt.saving",
    "engine.adapt.measure",
    "engine.adapt.card",
    "engine.adapt.order",
    "engine.adapt.adaptation",
    "engine.adapt.crew",
    "engine.adapt",
)

# Who may use it, by what: a module, or `module.name` for one thing of it.
OWNERS = {
    "PySide6": ("desktop",),
    "sounddevice": ("desktop.capture",),
    "pyaudiowpatch": ("desktop.capture",),
    "ctranslate2": ("engine.whisper.cpu", "engine.whisper.cpu_batch"),
    "faster_whisper": ("engine.whisper.cpu",),
    "onnxruntime": ("engine.speech.vad",),
    "torch": ("engine.whisper.cuda", "engine.adapt"),
    "triton": ("engine.whisper.cuda.kernels.attention", "engine.whisper.cuda.kernels.matrices"),
    "safetensors": ("engine.whisper.cuda.model.weights", "engine.adapt"),
    "soxr": ("engine.audio.resample",),
    "av": ("engine.audio.sources", "engine.audio.decoder", "engine.audio.flac", "engine.adapt.codecs"),
    "tokenizers": ("engine.whisper.tokenizer",),
    "rich": ("desktop.terminal",),
    "urllib.request": ("engine.models.download",),
    "http": ("engine.models.download", "desktop.updates.request"),
    "ray": ("engine.recordings.pool",),
    "socket": ("engine.models.download", "engine.recordings.pool"),
    "huggingface_hub": ("engine.models.download",),
    "threading.Thread": ("engine.session", "desktop.capture", "engine.recordings.pool"),
    "print": ("desktop.terminal", "main"),
}

# Both run what a file says; nobody reads weights or records with them, tests neither.
BANNED = ("pickle", "torch.load")

# Packages that may not know these, wherever in the tree they are.
STRANGERS = {
    "engine": ("desktop", "main", "PySide6"),
    "desktop": ("main",),
    "desktop.capture": ("PySide6",),
    "desktop.terminal": ("PySide6",),
    "desktop.updates": ("PySide6",),
}


@dataclass(frozen=True)
class Use:
    """One module's use of a name that it did not make: `module` uses `name` at a line of `path`."""

    module: str
    name: str
    path: Path
    line: int

    def __str__(self) -> str:
        return f"{self.path.relative_to(ROOT)}:{self.line}: {self.module} uses {self.name}"


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def within(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


def imports(tree: ast.AST, package: str) -> Iterator[tuple[str, str, int]]:
    """Yield (name here, what it stands for, line) of every import, also of those inside functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                here = alias.asname or alias.name.partition(".")[0]
                yield here, alias.name if alias.asname else here, node.lineno
                yield "", alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom):
            above = ".".join(package.split(".")[: -(node.level - 1) or None]) if node.level else ""
            source = ".".join(filter(None, (above, node.module)))
            for alias in node.names:
                yield alias.asname or alias.name, f"{source}.{alias.name}", node.lineno


def dotted(node: ast.AST) -> str:
    """Return `a.b.c` of a chain of attributes, or nothing."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (start := dotted(node.value)):
        return f"{start}.{node.attr}"
    return ""


def writes_to_a_file(call: ast.Call) -> bool:
    """Tell whether a `print` names its stream, and so does not speak to the terminal."""
    return any(argument.arg == "file" for argument in call.keywords)


def uses_in(source: str, module: str, path: Path) -> Iterator[Use]:
    """Yield every import of a module, and every name it reaches through an import or a builtin."""
    tree = ast.parse(source)
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    known = {}
    for here, meant, line in imports(tree, package):
        known[here] = meant
        yield Use(module, meant, path, line)
    for node in ast.walk(tree):
        start, _, rest = dotted(node).partition(".")
        if start in known and rest:
            yield Use(module, f"{known[start]}.{rest}", path, node.lineno)
        elif isinstance(node, ast.Call) and dotted(node.func) == "print" and not writes_to_a_file(node):
            yield Use(module, "print", path, node.lineno)


@cache
def uses(*places: str) -> tuple[Use, ...]:
    """Return what the modules below these folders use; `main` is its file."""
    files = [path for place in places for path in (*ROOT.glob(f"{place}.py"), *ROOT.glob(f"{place}/**/*.py"))]
    return tuple(use for path in files for use in uses_in(path.read_text(encoding="utf-8"), module_of(path), path))


def room(name: str) -> int | None:
    """Return the place of the narrowest room that holds a name; None outside the rooms."""
    held = [entry for entry in ROOMS if within(name, entry)]
    return ROOMS.index(max(held, key=len)) if held else None


def complaint(found: list[Use], rule: str) -> str:
    return "\n".join([rule, *sorted(map(str, set(found)))])


def test_the_tree_is_read():
    assert {use.module.partition(".")[0] for use in uses(*PRODUCT)} >= {"engine"}


@pytest.mark.parametrize(("package", "stranger"), [(p, s) for p, names in STRANGERS.items() for s in names])
def test_a_layer_does_not_know_what_lies_above_it(package, stranger):
    found = [use for use in uses(*PRODUCT) if within(use.module, package) and within(use.name, stranger)]
    assert not found, complaint(found, f"{package}/ must not know {stranger}")


@pytest.mark.parametrize("name", OWNERS)
def test_a_library_has_one_owner(name):
    owners = OWNERS[name]
    found = [
        use
        for use in uses(*PRODUCT)
        if within(use.name, name) and not any(within(use.module, owner) for owner in owners)
    ]
    assert not found, complaint(found, f"{name} belongs to {', '.join(owners)}")


@pytest.mark.parametrize("name", BANNED)
def test_nobody_uses_what_is_banned(name):
    found = [use for use in uses(*PRODUCT, "packaging", "tests") if within(use.name, name)]
    assert not found, complaint(found, f"{name} is banned")


def test_every_engine_module_has_a_room():
    modules = {module_of(path) for path in ROOT.glob("engine/**/*.py") if path.name != "__init__.py"}
    homeless = sorted(module for module in modules if room(module) is None)
    assert not homeless, f"no room in ROOMS for {', '.join(homeless)}"


def test_a_room_imports_only_from_rooms_above_it():
    found = [
        use
        for use in uses(*PRODUCT)
        if (mine := room(use.module)) is not None and (theirs := room(use.name)) is not None and theirs > mine
    ]
    assert not found, complaint(found, "a room imports only from rooms above it (ROOMS in this file)")


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import torch.nn", {"torch", "torch.nn"}),
        ("import threading as t\nt.Thread(target=f)", {"threading", "threading.Thread"}),
        ("from threading import Thread", {"threading.Thread"}),
        ("from .. import units", {"engine.units"}),
        ("from . import vad", {"engine.speech.vad"}),
        ("from .vad import Vad", {"engine.speech.vad.Vad"}),
        ("def f():\n    import socket", {"socket"}),
        ("print(1)", {"print"}),
        ("print(1, file=log)", set()),
        ("log.print(1)", set()),
    ],
)
def test_a_use_is_seen_however_it_is_written(source, expected):
    path = ROOT / "engine" / "speech" / "example.py"
    assert {use.name for use in uses_in(source, "engine.speech.example", path)} == expected


def test_a_complaint_names_file_and_line():
    use = next(uses_in("\nimport torch", "engine.example", ROOT / "engine" / "example.py"))
    assert re.match(r"engine.example\.py:2: engine\.example uses torch", complaint([use], "").strip())
