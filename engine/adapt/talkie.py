"""Speech out of the archives of talking adventures: hours of actors, whom Debian ships.

`queen.1c` (Flight of the Amazon Queen, as ScummVM packs it) is a table of names, places and lengths, all big-endian,
behind it the files themselves. Those called `.SB` are spoken lines, each a row of whole MP3 frames: end to end they are
MP3 again.
"""

import struct
from collections.abc import Iterator

MAGIC = b"QTBL"
_HEADER = struct.Struct(">4s6sBBBH")  # magic, version, floppy, demo, how speech is packed, entries
_ENTRY = struct.Struct(">12sBII")  # name, bundle, place, length
_MP3 = 1


def spoken_lines(archive: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield the name and the MP3 frames of each spoken line, in the order of the talks.

    Raises:
        ValueError: It is no such archive, or a damaged one.
    """
    try:
        magic, _, _, _, packed, count = _HEADER.unpack_from(archive)
        if magic != MAGIC or packed != _MP3:
            raise ValueError("no archive with speech in MP3")
        entries = [_ENTRY.unpack_from(archive, _HEADER.size + at * _ENTRY.size) for at in range(count)]
    except struct.error as error:
        raise ValueError("the archive breaks off in its table") from error
    for name, _, place, length in sorted(entries):
        label = name.rstrip(b"\0").decode("ascii", errors="replace")
        if label.endswith(".SB") and place + length <= len(archive):
            yield label, archive[place : place + length]
