"""The licences of everything in the frozen program: a list for people, and every text."""

import re
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

from origins import Component, LicenceUnknown

FOLDER = "licences"
_COMMON = Path(__file__).with_name("texts") / "common"
_ON_DEBIAN = "/usr/share/common-licenses/"  # where Debian's own copyright files send their readers
# What packages that come without a text of their own name, and what Debian's copyright files leave out.
_KNOWN = {
    "Apache": ("Apache-2.0",), "GPL-2": ("GPL-2",), "GPL-3": ("GPL-3",), "LGPL-2.0": ("LGPL-2",),
    "LGPL-2.1": ("LGPL-2.1",), "LGPL-3": ("GPL-3", "LGPL-3"),  # which is written as an addition
}  # fmt: skip
_MIT = """Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
documentation files (the "Software"), to deal in the Software without restriction, including without limitation the
rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit
persons to whom the Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
"""
OF_THE_PROGRAM = """\
Undertext is under the MIT licence. It comes with what others made, each under its own licence; the texts are
in this folder. What is under the LGPL (Qt, FFmpeg and others) lies in {inside}/ as libraries of its own, as its
makers published it, and may be replaced by another build of the same version. Their sources are published where the
projects are, and with the Python packages named here. Nothing in it is under the GPL without an exception that
allows this.

"""
OF_THE_GPU_PACK = """\
The GPU pack of Undertext holds what others made, each under its own licence; the texts are in this folder. Files that
are not used were left out, Python's modules compiled beside their source, and what only debuggers read taken out of
Triton's library. What is NVIDIA's is as NVIDIA published it, under NVIDIA's terms.

"""


def write(components: Iterable[Component], folder: Path, head: str) -> None:
    """Write the list and the texts.

    Args:
        components: All of them.
        folder: New.
        head: What stands above the list.

    Raises:
        LicenceUnknown: One has no licence, or no text of it is on this machine.
    """
    folder.mkdir(parents=True)
    rows = []
    for one in components:
        if not one.licence:
            raise LicenceUnknown(f"{one.name} {one.version} tells no licence")
        named = file_name(one)
        (folder / named).write_text(_text(one), encoding="utf-8")
        rows.append(f"{one.name} {one.version}: {one.licence} ({named})")
    (folder / "README.txt").write_text(head + "\n".join(rows) + "\n", encoding="utf-8")


def file_name(one: Component) -> str:
    """Return the name of the file with a component's licence."""
    return "".join(letter if letter.isalnum() or letter in ".-" else "-" for letter in one.name) + ".txt"


def _text(one: Component) -> str:
    parts = [f"{one.name} {one.version}\n{one.licence}\n", *_parts(one)]
    if len(parts) == 1:
        raise LicenceUnknown(f"the licence of {one.name} ({one.licence}) is not on this machine")
    return "\n".join(parts)


def _parts(one: Component) -> Iterator[str]:
    found = [path for path in one.texts if path.is_file()]
    if one.texts and not found:
        raise LicenceUnknown(f"{one.texts[0]} is missing: install {one.texts[0].parent.name}")
    texts = [path.read_text(encoding="utf-8", errors="replace") for path in found]
    yield from texts
    if found and not any(_ON_DEBIAN in text for text in texts):
        return
    named = (files for name, files in _KNOWN.items() if re.search(rf"\b{re.escape(name)}", one.licence))
    for common in dict.fromkeys(chain.from_iterable(named)):
        yield (_COMMON / f"{common}.txt").read_text(encoding="utf-8")
    if found:
        return
    if one.licence.startswith("MIT"):
        yield _MIT
