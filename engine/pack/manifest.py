"""What a GPU pack says of itself: which program it is made for, and every file of it.

A pack is what a packaged Undertext lacks to compute on an NVIDIA GPU: torch and what torch needs, as one zip archive.
`packaging/gpu_pack.py` makes it. The manifest stands in it, and the files that the manifest names, no others: `site/…`,
which Python imports, and `licences/…`.

    {"format": 1,
     "made_for": {"system": "linux", "processor": "x86_64", "python": "3.11", "torch": "2.13.0"},
     "torch": "2.13.0+cu130", "cuda": "13.0",
     "files": [{"name": "site/torch/__init__.py", "bytes": 103, "sha256": "…", "runs": false}, …]}

`cuda` is empty for a build without it. Which version of Undertext it is, is not asked: several gigabytes need not come
again for one that works with the same torch and the same Python.
"""

import json
import platform
import re
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import PurePosixPath
from typing import Any

from engine.errors import PackRefused

NAME = "undertext-gpu.json"
SITE = "site"
FORMAT = 1
TORCH = "2.13.0"  # what the engine is written for and tested with: the extra `gpu` in pyproject.toml
LARGEST = 1 << 34  # bytes, unpacked; without CUDA it is 0.9 GB, and CUDA is several more
AGAIN = "Fetch the pack again, and install it: undertext gpu install FILE."
OTHER = "Get the GPU pack that was published with this version of Undertext."

_SYSTEMS = {"linux": "Linux", "darwin": "macOS", "win32": "Windows"}
_PROCESSORS = {"amd64": "x86_64", "arm64": "aarch64"}  # two names of one thing
_SHA256 = re.compile(r"[0-9a-f]{64}")
_NOT_IN_NAMES = re.compile(r'[\x00-\x1f\ud800-\udfff\\:*?"<>|]')  # no letters, or more than that, on some system
_DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))}  # on Windows


@dataclass(frozen=True, slots=True)
class Program:
    """What the inside of a pack has to fit.

    Attributes:
        system: As `sys.platform` has it.
        processor: "x86_64" or "aarch64".
        python: Major and minor version: compiled modules are made for one.
        torch: The version that the engine works with, whatever it was built for.
    """

    system: str
    processor: str
    python: str
    torch: str

    @classmethod
    def this(cls) -> "Program":
        """Return the program that runs."""
        machine = platform.machine().lower()
        python = ".".join(map(str, sys.version_info[:2]))
        return cls(sys.platform, _PROCESSORS.get(machine, machine), python, TORCH)

    @property
    def machine(self) -> str:
        """System and processor, for people."""
        return f"{_SYSTEMS.get(self.system, self.system)} on {self.processor}"


@dataclass(frozen=True, slots=True)
class File:
    """A file of a pack.

    Attributes:
        name: Its place in the pack, with slashes; on no system it leads out of it.
        bytes: Its size.
        sha256: Lower-case hex.
        runs: It is a program.
    """

    name: str
    bytes: int
    sha256: str
    runs: bool = False


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a pack says of itself; the fields are those of its file."""

    made_for: Program
    torch: str
    cuda: str
    files: tuple[File, ...]

    @property
    def total(self) -> int:
        """Bytes on a disk."""
        return sum(file.bytes for file in self.files)

    def must_fit(self, program: Program) -> None:
        """Refuse what another program needs.

        Raises:
            PackRefused: Says what differs.
        """
        for theirs, ours, sentence in (
            (self.made_for.machine, program.machine, "is made for {}, and this is {}"),
            (self.made_for.python, program.python, "is made for Python {}, and this Undertext has {}"),
            (self.made_for.torch, program.torch, "brings torch {}, and this Undertext works with {}"),
        ):
            if theirs != ours:
                raise PackRefused(f"the GPU pack {sentence.format(theirs, ours)}", hint=OTHER)

    def written(self) -> bytes:
        """Return its file; the same files in any order give the same bytes."""
        files = [asdict(file) for file in sorted(self.files, key=_name)]
        content = {"format": FORMAT, "made_for": asdict(self.made_for), "torch": self.torch, "cuda": self.cuda}
        return json.dumps(content | {"files": files}, indent=0).encode()

    @classmethod
    def read(cls, data: bytes) -> "Manifest":
        """Return what a file says; nothing in it is believed.

        Raises:
            PackRefused: It is damaged, names a place outside the pack, or is of a later format.
        """
        try:
            content = json.loads(data)
            if content["format"] != FORMAT:
                raise PackRefused(
                    f"the GPU pack is of format {content['format']!s:.9}, and {FORMAT} is known", hint=OTHER
                )
            program = Program(**{key: str.strip(value) for key, value in content["made_for"].items()})
            files = tuple(sorted(map(_file, content["files"]), key=_name))
            manifest = cls(program, str.strip(content["torch"]), str.strip(content["cuda"]), files)
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            raise PackRefused("the manifest of the GPU pack is damaged", hint=AGAIN) from error
        _must_be_apart(files)
        if manifest.total > LARGEST:
            raise PackRefused(f"the GPU pack would take {manifest.total >> 30} GB, which none does", hint=AGAIN)
        return manifest


def _file(entry: Any) -> File:
    name, size, sha256, runs = entry["name"], entry["bytes"], entry["sha256"], entry["runs"]
    if not isinstance(name, str) or not is_inside(name):
        raise PackRefused(f"the GPU pack names a file that may not be there: {name!r:.80}", hint=AGAIN)
    if type(size) is not int or size < 0 or type(runs) is not bool or not _SHA256.fullmatch(sha256):
        raise ValueError(name)
    return File(name, size, sha256, runs)


def _name(file: File) -> str:
    return file.name


def is_inside(name: str) -> bool:
    """Whether a name leads to a place within the pack's two folders, on every system."""
    parts = name.split("/")
    return (
        len(parts) > 1
        and parts[0] in {SITE, "licences"}
        and not _NOT_IN_NAMES.search(name)
        and all(part and part.strip(" .") and part == part.rstrip(" .") for part in parts)
        and not any(part.partition(".")[0].lower() in _DEVICES for part in parts)
    )


def _must_be_apart(files: Iterable[File]) -> None:
    """Refuse names of which one is another, or the folder of another, also where case does not count."""
    names: set[str] = set()
    folders: set[str] = set()
    for file in files:
        path = PurePosixPath(file.name.lower())
        if str(path) in names:
            raise PackRefused(f"the GPU pack names {file.name!r:.80} twice", hint=AGAIN)
        names.add(str(path))
        folders.update(map(str, path.parents))
    if names & folders:
        raise PackRefused("the GPU pack has a file where it has a folder", hint=AGAIN)
