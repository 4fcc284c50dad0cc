"""Make the demo clip, assets/demo/demo.ogg: two voices, a pause, a little music.

Run `./run demo`. It wants `flite` (Debian: flite) and what the test environment has. The text is
read from assets/demo/demo.txt: a turn is a line `VOICE: words`, a pause a line `(pause S s)`. The music is a
slow pad of sines of our own; it carries the pause and lies far below the speech.
"""

import re
import subprocess
import tempfile
import wave
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import soxr

DEMO = Path(__file__).resolve().parent.parent / "assets" / "demo"
RATE = 48_000  # Opus knows no 44.1 kHz
TURN_GAP_S = 0.35  # about what people leave between turns
LEAD_S = 0.8  # music alone, before the first word and after the last
SPEECH_LEVEL_DB = -19.0  # RMS of a turn, so that both voices are equally loud
MUSIC_UNDER_SPEECH_DB = -38.0
MUSIC_ALONE_DB = -14.0
CHORDS_HZ = (
    (220.0, 277.18, 329.63),
    (185.0, 220.0, 277.18),
    (146.83, 220.0, 293.66),
    (164.81, 246.94, 329.63),
)
CHORD_S = 2.5
BIT_RATE = 48_000
PAUSE = re.compile(r"\(pause ([0-9.]+) s\)")
TURN = re.compile(r"(\w+): (.+)")

Samples = npt.NDArray[np.float32]


def say(voice: str, words: str) -> Samples:
    """Return the words as flite's voice speaks them, at RATE and SPEECH_LEVEL_DB."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "turn.wav"
        subprocess.run(["flite", "-voice", voice, "-t", words, "-o", path], check=True)
        with wave.open(str(path)) as turn:
            pcm = np.frombuffer(turn.readframes(turn.getnframes()), np.int16)
            speech = soxr.resample(pcm.astype(np.float32), turn.getframerate(), RATE)
    return np.asarray(speech * (10 ** (SPEECH_LEVEL_DB / 20) / np.sqrt(np.mean(speech**2))), np.float32)


def speech(script: str) -> Samples:
    """Return the turns and pauses of a script, one after the other."""
    parts = [silence(LEAD_S)]
    for line in script.splitlines():
        if pause := PAUSE.fullmatch(line):
            parts.append(silence(float(pause[1])))
        elif turn := TURN.fullmatch(line):
            parts += [say(turn[1], turn[2]), silence(TURN_GAP_S)]
    return np.concatenate([*parts, silence(LEAD_S)])


def silence(seconds: float) -> Samples:
    """Return that many seconds of nothing."""
    return np.zeros(round(seconds * RATE), np.float32)


def pad(n: int) -> Samples:
    """Return n samples of slow chords that swell and fade, with a peak near 1."""
    t = np.arange(n) / RATE
    chord = (t // CHORD_S).astype(int) % len(CHORDS_HZ)
    swell = np.sin(np.pi * (t % CHORD_S) / CHORD_S) ** 2
    notes = np.array(CHORDS_HZ)[chord].T
    tones = sum(np.sin(2 * np.pi * note * t) + 0.3 * np.sin(4 * np.pi * note * t) for note in notes)
    return np.asarray(swell * tones / (1.3 * len(notes)), np.float32)


def ducked(voice: Samples) -> Samples:
    """Return the loudness of the music, sample by sample: low under the voice, higher in its pauses."""
    window = round(0.6 * RATE)
    energy = np.convolve(np.abs(voice), np.ones(window) / window, "same")
    under, alone = 10 ** (MUSIC_UNDER_SPEECH_DB / 20), 10 ** (MUSIC_ALONE_DB / 20)
    speaks = np.clip(energy / 0.02, 0, 1)
    return np.asarray(alone + (under - alone) * speaks, np.float32)


def write_opus(samples: Samples, path: Path) -> None:
    """Write mono speech as Opus in Ogg."""
    with av.open(str(path), "w", format="ogg") as ogg:
        stream = ogg.add_stream("libopus", rate=RATE, bit_rate=BIT_RATE, layout="mono")
        frame = av.AudioFrame.from_ndarray(samples[np.newaxis], format="flt", layout="mono")
        frame.sample_rate = RATE
        ogg.mux([*stream.encode(frame), *stream.encode(None)])


def main() -> None:
    """Read the script, speak it, lay the music under it, write the clip."""
    voice = speech((DEMO / "demo.txt").read_text(encoding="utf-8"))
    write_opus(voice + ducked(voice) * pad(len(voice)), DEMO / "demo.ogg")
    print(f"{DEMO / 'demo.ogg'}: {len(voice) / RATE:.1f} s, {(DEMO / 'demo.ogg').stat().st_size} bytes")


if __name__ == "__main__":
    main()
