"""Libraries of Windows with nothing in them, for the same reason as `hollow_so.py` has.

There is no compiler on Windows that could be counted on, so the library is written as it lies on the disk: a head, one
function that returns 0, room for what is no function, and the table of the names under which both are found. It has
every name that the library has whose place it takes. (Microsoft: "PE Format".)
"""

import struct
from dataclasses import dataclass
from pathlib import Path

FILE, PAGE = 0x200, 0x1000  # what sections are rounded up to, on the disk and in memory
ROOM = 4096  # bytes of zeros for each name that is no function: a list that ends at once
RETURN_0 = b"\x31\xc0\xc3"  # xor eax, eax; ret
AMD64, PE32_PLUS = 0x8664, 0x20B
_RUNS = 0x20000000  # of a section: it may be executed
_CODE, _CONSTANT, _ZEROS, _DISCARDED = 0x60000020, 0x40000040, 0xC0000080, 0x42000040
_DLL = 0x2022  # a library, executable, with addresses of 64 bits
_WHEREVER = 0x0160  # may lie anywhere in memory, and runs no data


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a library in memory.

    Attributes:
        start: Its address in memory, from the library's own.
        size: In memory.
        at: Where it begins in the file.
        flags: What may be done with it.
    """

    start: int
    size: int
    at: int
    flags: int


def hollow(library: Path, folder: Path) -> Path:
    """Write the hollow one of a library.

    Args:
        library: What it stands for.
        folder: Where it is written, under the same name.

    Raises:
        ValueError: It is no library for Windows of 64 bits, or offers nothing by name.
    """
    folder.mkdir(parents=True, exist_ok=True)
    made = folder / library.name
    made.write_bytes(written(library.name, exports(library.read_bytes())))
    return made


def exports(library: bytes) -> dict[str, bool]:
    """Return what a library offers by name, and whether it is a function.

    Raises:
        ValueError: It is no library for Windows of 64 bits, or offers nothing by name.
    """
    try:
        sections, table = _head(library)
        at = _place(sections, table)
        functions, names, ordinals = struct.unpack_from("<III", library, at + 28)
        count = struct.unpack_from("<I", library, at + 24)[0]
        found = {}
        for i in range(count):
            name_at = _place(sections, _word(library, _place(sections, names) + 4 * i))
            ordinal = struct.unpack_from("<H", library, _place(sections, ordinals) + 2 * i)[0]
            name = library[name_at : library.index(b"\0", name_at)].decode("ascii")
            found[name] = bool(_of(sections, _word(library, _place(sections, functions) + 4 * ordinal)).flags & _RUNS)
    except struct.error as error:
        raise ValueError("it breaks off") from error
    return found


def written(name: str, offered: dict[str, bool]) -> bytes:
    """Return a library that offers functions which return 0, and zeros.

    Args:
        name: Of the file.
        offered: Each name, and whether it is a function.
    """
    names = sorted(offered)  # they are looked for by halves
    zeros = [one for one in names if not offered[one]]
    table_at = 2 * PAGE
    zeros_at = table_at + _up(len(_table(name, names, {}, table_at)), PAGE)
    moved_at = zeros_at + _up(max(ROOM * len(zeros), 1), PAGE)
    places = {one: zeros_at + ROOM * i for i, one in enumerate(zeros)}
    table = _table(name, names, places, table_at)
    moved = struct.pack("<IIHH", PAGE, 12, 0, 0)  # nothing has to be changed where it lies elsewhere
    parts = [
        (b".text", PAGE, RETURN_0, len(RETURN_0), _CODE),
        (b".rdata", table_at, table, len(table), _CONSTANT),
        (b".data", zeros_at, b"", max(ROOM * len(zeros), 1), _ZEROS),
        (b".reloc", moved_at, moved, len(moved), _DISCARDED),
    ]
    head, at, body = b"", 2 * FILE, b""
    for title, start, content, size, flags in parts:
        length = _up(len(content), FILE)
        head += struct.pack("<8sIIIIIIHHI", title, size, start, length, at if length else 0, 0, 0, 0, 0, flags)
        body += content.ljust(length, b"\0")
        at += length
    directories = [(table_at, len(table)), *[(0, 0)] * 4, (moved_at, len(moved)), *[(0, 0)] * 10]
    return (_opening(len(parts), moved_at + PAGE, directories) + head).ljust(2 * FILE, b"\0") + body


def _opening(parts: int, size: int, directories: list[tuple[int, int]]) -> bytes:
    """Return what stands before the list of the sections."""
    dos = b"MZ".ljust(0x3C, b"\0") + struct.pack("<I", 0x40)
    kind = struct.pack("<4sHHIIIHH", b"PE\0\0", AMD64, parts, 0, 0, 0, 112 + 8 * len(directories), _DLL)
    code = struct.pack("<HBBIIIII", PE32_PLUS, 0, 0, FILE, 0, 0, 0, PAGE)
    place = struct.pack(
        "<QIIHHHHHHIIIIHH", 0x180000000, PAGE, FILE, 6, 0, 0, 0, 6, 0, 0, size, 2 * FILE, 0, 2, _WHEREVER
    )
    room = struct.pack("<QQQQII", 0x100000, PAGE, 0x100000, PAGE, 0, len(directories))
    return dos + kind + code + place + room + b"".join(struct.pack("<II", *one) for one in directories)


def _table(name: str, names: list[str], places: dict[str, int], at: int) -> bytes:
    """Return the table of what is offered: numbers, addresses of the names, their order, and the names themselves."""
    count = len(names)
    functions, listed, order = at + 40, at + 40 + 4 * count, at + 40 + 8 * count
    text, text_at, where = b"", order + 2 * count, []
    for one in (name, *names):
        where.append(text_at + len(text))
        text += one.encode("ascii") + b"\0"
    head = struct.pack("<IIHHIIIIIII", 0, 0, 0, 0, where[0], 1, count, count, functions, listed, order)
    addresses = struct.pack(f"<{count}I", *(places.get(one, PAGE) for one in names))
    return head + addresses + struct.pack(f"<{count}I{count}H", *where[1:], *range(count)) + text


def _head(library: bytes) -> tuple[list[Section], int]:
    """Return the sections of a library, and where its table of names is in memory."""
    at = _word(library, 0x3C)
    signature, machine, count, _, _, _, size = struct.unpack_from("<4sHHIIIH", library, at)
    if (library[:2], signature, machine) != (b"MZ", b"PE\0\0", AMD64):
        raise ValueError("it is no library for Windows of 64 bits")
    table = _word(library, at + 24 + 112)
    if not table:
        raise ValueError("it offers nothing by name")
    rows = (struct.unpack_from("<8sIIIIIIHHI", library, at + 24 + size + 40 * i) for i in range(count))
    return [Section(row[2], max(row[1], row[3]), row[4], row[9]) for row in rows], table


def _of(sections: list[Section], address: int) -> Section:
    found = next((one for one in sections if one.start <= address < one.start + one.size), None)
    if found is None:
        raise ValueError(f"nothing lies at {address:#x}")
    return found


def _place(sections: list[Section], address: int) -> int:
    """Return where in the file an address in memory is."""
    section = _of(sections, address)
    return section.at + address - section.start


def _word(library: bytes, at: int) -> int:
    word: int = struct.unpack_from("<I", library, at)[0]
    return word


def _up(size: int, step: int) -> int:
    return -(-size // step) * step
