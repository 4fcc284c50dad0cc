"""What goes into the frozen program, and what stays out: rules, applied by `undertext.spec`.

A rule that leaves something out says why. A file that no rule names goes in if PyInstaller finds that it is needed.
"""

import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PROGRAM = "undertext"
# On macOS the program and all that it needs are a bundle, whose folders have names of their own.
IS_BUNDLE = sys.platform == "darwin"
FROZEN = "Undertext.app" if IS_BUNDLE else PROGRAM
"""What PyInstaller makes in dist/."""
INSIDE = "Contents/Frameworks" if IS_BUNDLE else "_internal"
"""The folder of it in which PyInstaller puts everything but the program."""
BESIDE = "Contents/Resources" if IS_BUNDLE else "."
"""The folder of it for what nobody loads: the licences."""

# Modules that PyInstaller would follow an import to.
LEFT_OUT_MODULES = (
    # What computes on graphics cards comes with the GPU pack (`gpu_pack.py`); models are adapted, and recordings sent
    # to clusters, from source.
    "torch", "triton", "safetensors", "ray", "engine.adapt", "desktop.terminal.adapting",
    # Imported where somebody asks for what we never ask for: models by the hub's library, converters, highlighted code.
    "huggingface_hub", "yaml", "pygments", "markdown_it",
    # Qt: windows and drawings are all that is used.
    "PySide6.QtNetwork", "PySide6.QtDBus", "PySide6.QtOpenGL",
    # Python's own: for developers, terminals that edit lines, and databases.
    "tkinter", "doctest", "pdb", "pydoc", "pydoc_data", "lib2to3", "curses", "readline", "sqlite3", "dbm",
    "_uuid", "test",
)  # fmt: skip

# Modules of Python's own that nothing in the program imports, and the GPU pack does: torch when it is imported, of
# unittest its `mock`. They take 0.3 MB. They were found by importing all of the GPU engine, and hearing with it, in a
# Python that had no other modules than the frozen program; the self-test of a pack imports all of it again.
FOR_THE_GPU_PACK = ("cmath", "pickletools", "timeit", "unittest", "unittest.mock")

# Modules that go in as their source: Triton compiles them while the program runs, and reads what it compiles.
AS_SOURCE = ("engine.whisper.cuda.kernels.attention", "engine.whisper.cuda.kernels.matrices")


@dataclass(frozen=True, slots=True)
class Rule:
    """Files that stay out.

    Attributes:
        pattern: Of their place in the bundle or the pack, as the shell has it; `*` crosses folders.
        why: For people.
    """

    pattern: str
    why: str


# Between PySide6 and a folder of Qt's, Linux has one more: a `*` stands for it.
LEFT_OUT = (
    Rule("PySide6/*plugins/platformthemes/libqgtk3.so", "brings all of GTK for the colours of dialogs"),
    Rule("PySide6/*plugins/platforms/lib*eglfs*", "screens without a window system"),
    Rule("PySide6/*plugins/platforms/libqlinuxfb.so", "screens without a window system"),
    Rule("PySide6/*plugins/platforms/libqvkkhrdisplay.so", "screens without a window system"),
    Rule("PySide6/*plugins/platforms/*qminimal*", "no screen at all; offscreen is that"),
    Rule("PySide6/*plugins/platforms/qdirect2d.dll", "paints with what Windows has for it; not all of Qt can"),
    Rule("PySide6/*plugins/platforms/libqvnc.so", "a server of screens"),
    Rule("PySide6/*plugins/egldeviceintegrations/*", "screens without a window system"),
    Rule("PySide6/*plugins/generic/*", "devices that window systems read"),
    Rule("PySide6/*plugins/networkinformation/*", "Undertext asks for no network"),
    Rule("PySide6/*plugins/tls/*", "Undertext asks Qt for no network"),
    Rule("PySide6/*plugins/wayland-shell-integration/libivi-shell.so", "the shell of cars"),
    Rule("PySide6/*plugins/wayland-shell-integration/libfullscreen-shell-v1.so", "the shell of kiosks"),
    Rule("PySide6/*plugins/imageformats/*", "its icons are SVG and PNG, and PNG is built in"),
    Rule("PySide6/*translations/*", "of parts of Qt that are not used"),
    Rule("PySide6/Qt/lib/libQt6EglF*", "screens without a window system"),
    Rule("libQt6EglF*", "screens without a window system"),
    Rule("PySide6/Qt/lib/libQt6Network.so*", "nothing that is left needs it"),
    Rule("libQt6Network.so*", "nothing that is left needs it"),
    Rule("PySide6/Qt/lib/QtNetwork.framework/*", "nothing that is left needs it"),
    Rule("QtNetwork", "nothing that is left needs it"),
    Rule("PySide6/Qt6Network.dll", "nothing that is left needs it"),
    Rule("PySide6/opengl32sw.dll", "OpenGL without a graphics card; windows and captions are painted without either"),
    Rule("ctranslate2/cudnn64_9.dll", "NVIDIA's, under terms of its own; nothing that is left needs it"),
    Rule("_sounddevice_data/*-asio.dll", "the way to studio cards, under Steinberg's own terms"),
    Rule("_sounddevice_data/*32bit*", "for another Windows"),
    Rule("_sounddevice_data/*arm64*", "for another Windows"),
    Rule("assets/screenshots/*", "pictures of the README"),
    Rule("assets/icon.ico", "the executable has it inside itself"),
    Rule("assets/models/*/README.md", "the card of a model stands with the licences"),
    Rule("*.dist-info/*", "the licences and the bill of materials tell it, a file each"),
    Rule("numpy/*/tests/*", "numpy's own tests"),
    Rule("numpy/f2py/*", "compiles Fortran"),
    Rule("numpy/random/*.pyx", "source"),
    Rule("*.pyi", "types, for developers"),
)  # fmt: skip

KEPT_IN_SPITE = (
    "PySide6/*plugins/imageformats/*qsvg*",
    "PySide6/*translations/qtbase_*",
)

# The same for the GPU pack, whose places begin where Python looks for modules.
LEFT_OUT_OF_THE_GPU_PACK = (
    Rule("bin/*", "programs for a command line"),
    Rule("share/*", "pages for man"),
    Rule("*.pyi", "types, for developers"),
    Rule("*.pyx", "source"),
    Rule("*.a", "for linkers"),
    Rule("*.lib", "for linkers"),
    Rule("*.pyc", "is made anew"),
    Rule("*/tests/*", "the packages' own tests"),
    Rule("*/benchmarks/*", "what the packages measure themselves by"),
    Rule("*.dist-info/RECORD", "the manifest of the pack is that"),
    Rule("*.dist-info/INSTALLER", "of the machine that makes the pack"),
    Rule("*.dist-info/REQUESTED", "of the machine that makes the pack"),
    Rule("*.dist-info/direct_url.json", "of the machine that makes the pack"),
    Rule("*.dist-info/licenses/*", "licences stand in a folder of their own"),
    Rule("setuptools*", "compiles extensions of torch"),
    Rule("pkg_resources/*", "comes with setuptools"),
    Rule("_distutils_hack/*", "comes with setuptools"),
    Rule("distutils-precedence.pth", "comes with setuptools"),
    Rule("torch/test/*", "torch's own tests"),
    Rule("torch/bin/*", "programs, and torch's own tests"),
    Rule("torch/include/*", "headers"),
    Rule("torch/share/*", "for CMake"),
    Rule("torch/lib/*test*", "torch's own tests"),
    Rule("torch/lib/libbackend_with_compiler.so", "torch's own tests"),
    Rule("nvidia/*/include/*", "headers"),
    Rule("triton/FileCheck", "Triton's own tests"),
    Rule("triton/include/*", "headers"),
    Rule("triton/plugins/*", "extensions of Triton's compiler, examples"),
    Rule("triton/instrumentation/*", "Triton's own tests"),
    Rule("triton/_C/libproton*", "measures kernels"),
    Rule("triton/backends/amd/include/*", "of another maker's cards"),
    Rule("triton/backends/amd/lib/*", "of another maker's cards"),
    Rule("triton/backends/amd/codegen/*", "of another maker's cards"),
    Rule("triton/backends/nvidia/lib/cupti*", "measures kernels"),
    Rule("triton/backends/nvidia/bin/cuobjdump", "shows what was compiled"),
    Rule("triton/backends/nvidia/bin/nvdisasm", "shows what was compiled"),
)  # fmt: skip

# The rules for the pack, as `why_left_out` takes them; without this program torch does not start.
OF_THE_GPU_PACK = (LEFT_OUT_OF_THE_GPU_PACK, ("torch/bin/torch_shm_manager*",))

# Of the system's own libraries these come along: they belong to Python, or are not on every desktop. The others are
# there wherever windows and sound are, and have to fit the system's drivers and settings: packages name them.
FROM_THE_SYSTEM = (
    "libpython*", "libssl.so*", "libcrypto.so*", "libffi.so*", "libbz2.so*", "liblzma.so*", "libportaudio.so*",
    "libjack.so*", "libxcb-cursor.so*", "libxcb-icccm.so*", "libxcb-image.so*", "libxcb-keysyms.so*",
    "libxcb-render-util.so*", "libxcb-util.so*",
)  # fmt: skip

# Of Windows' own libraries these come along: Microsoft lets programs bring them, and not every Windows has them.
FROM_WINDOWS = ("concrt140*.dll", "msvcp140*.dll", "vcomp140*.dll", "vcruntime140*.dll")

# Libraries whose place a hollow one takes (`hollow_so.py` and its like): they are needed to start, and never called.
HOLLOW = {
    "libx264": "encodes video, under the GPL",
    "libx265": "encodes video, under the GPL",
    "libSvtAv1Enc": "encodes video",
    "libvmaf": "judges how good a video looks",
    "libjack": "a sound server that Undertext does not offer; its own needs are under a copyleft",
}

# Libraries that carry what only debuggers read.
# libctranslate2 stays as it is: the licence of the oneMKL in it forbids any change.
STRIPPED = ("libpython*.so*", "ctranslate2/_ext*.so", "tokenizers/*.so", "triton/_C/libtriton*.so")


@dataclass(frozen=True, slots=True)
class Executable:
    """A program in the folder.

    Attributes:
        name: Of its file.
        in_terminals: It speaks to the terminal that it was started in.
        description: What Windows calls it.
    """

    name: str
    in_terminals: bool
    description: str


# Windows says of each program whether it belongs into a terminal: one that does would open a black window beside
# ours, one that does not would print nothing. So there are two, of the same parts. A name without an ending means the
# one that ends with .com, before the one that ends with .exe: `undertext caption …` is the same line on every system,
# and what is clicked on opens no terminal. (Microsoft's devenv is such a pair.)
ON_WINDOWS = (
    Executable(f"{PROGRAM}.exe", in_terminals=False, description="Undertext"),
    Executable(f"{PROGRAM}.com", in_terminals=True, description="Undertext in a terminal"),
)
ELSEWHERE = (Executable(PROGRAM, in_terminals=True, description="Undertext"),)


def executables(platform: str = sys.platform) -> tuple[Executable, ...]:
    """Return the programs that are made for a system; the window's is the first."""
    return ON_WINDOWS if platform == "win32" else ELSEWHERE


def with_slashes(place: str) -> str:
    """Return a place as the rules have it, on whatever system PyInstaller has told it."""
    return place.replace("\\", "/")


def why_left_out(place: str, rules: Sequence[Rule] = LEFT_OUT, kept: Sequence[str] = KEPT_IN_SPITE) -> str:
    """Return why a file stays out; nothing if it goes in.

    Args:
        place: In the bundle or the pack, with slashes.
        rules: For what stays out.
        kept: What goes in in spite of them.
    """
    if any(fnmatchcase(place, pattern) for pattern in kept):
        return ""
    return next((rule.why for rule in rules if fnmatchcase(place, rule.pattern)), "")


def comes_from_the_system(place: str, source: str, platform: str = sys.platform) -> bool:
    """Whether a library was taken from the system and should be found there by whoever runs the program.

    Of other systems than Linux PyInstaller leaves out what is theirs by itself.
    """
    if is_of_windows(source):
        return not any(fnmatchcase(place.lower(), pattern) for pattern in FROM_WINDOWS)
    is_of_system = source.startswith(("/lib/", "/lib64/", "/usr/lib/", "/usr/lib64/", "/usr/local/lib/"))
    comes_along = any(fnmatchcase(place, pattern) for pattern in FROM_THE_SYSTEM)
    return platform == "linux" and is_of_system and not comes_along


def is_of_windows(source: str) -> bool:
    """Whether a file is in Windows' own folder."""
    return re.match(r"[a-z]:/windows/", with_slashes(source).lower()) is not None


def hollow_name(place: str) -> str:
    """Return the name under which a library has a hollow one in its place; nothing if it has none."""
    name = place.rpartition("/")[2]
    return next((known for known in HOLLOW if name.startswith((known + "-", known + "."))), "")


def is_stripped(place: str, platform: str = sys.platform) -> bool:
    """Whether what only debuggers read is taken out of a library: the wheels of other systems come without it."""
    return platform == "linux" and any(fnmatchcase(place, pattern) for pattern in STRIPPED)


def commands() -> list[str]:
    """Return the modules that are imported by a name made up while the program runs."""
    return [f"desktop.terminal.{path.stem}" for path in sorted((ROOT / "desktop" / "terminal").glob("[!_]*.py"))]


SHELF = ROOT / "build" / "shelf"
"""The store from which a model comes along where none is in the assets (`freeze.py` fills it)."""
BROUGHT = "assets/models/int8"
"""Where the frozen program's own store looks for it (`engine.models.store`)."""


def assets() -> Iterator[tuple[Path, str]]:
    """Yield the program's own data: file, and folder in the bundle."""
    for path in sorted(SHELF.glob("int8/*/*")):
        yield path, f"{BROUGHT}/{path.parent.name}"
    for path in sorted((ROOT / "assets").rglob("*")):
        place = path.relative_to(ROOT).as_posix()
        if path.is_file() and path.suffix != ".py" and "__pycache__" not in path.parts and not why_left_out(place):
            yield path, path.parent.relative_to(ROOT).as_posix()
