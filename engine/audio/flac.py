"""Sound as FLAC frames, whole ones only: bytes that were appended until any moment can be read up to that moment.

The header says neither length nor checksum (RFC 9639, section 8.2, allows both to be unknown), so that nothing of a
file is ever written twice.
"""

import numpy as np

from engine.records import Samples
from engine.units import SAMPLE_RATE

_LAST_STREAMINFO = b"\x80"  # the only metadata block, and which it is


class FlacEncoder:
    """16 kHz mono → bytes of one FLAC file, 16 bits.

    Attributes:
        header: What the file begins with.
    """

    def __init__(self) -> None:
        import av  # noqa: PLC0415  # 0.2 s, and only who keeps sound needs it

        self._codec = av.CodecContext.create("flac", "w")
        self._codec.sample_rate, self._codec.layout, self._codec.format = SAMPLE_RATE, "mono", "s16"
        self._codec.open()
        about = self._codec.extradata or b""
        self.header = b"fLaC" + _LAST_STREAMINFO + len(about).to_bytes(3, "big") + about
        self._frame = av.AudioFrame

    def encode(self, heard: Samples) -> bytes:
        """Return the frames that these samples complete, float32 [n], within [-1, 1]; what is louder is clipped."""
        if not len(heard):
            return b""
        pcm = np.round(np.clip(heard, -1, 1) * 32767).astype(np.int16)
        frame = self._frame.from_ndarray(pcm[None], "s16", "mono")
        frame.sample_rate = SAMPLE_RATE
        return b"".join(map(bytes, self._codec.encode(frame)))

    def finish(self) -> bytes:
        """Return the last frame, which may be shorter."""
        return b"".join(map(bytes, self._codec.encode(None)))
