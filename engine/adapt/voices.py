"""Free synthesisers as programs: text → sound, 16 kHz mono.

flite, festival, espeak-ng and pico2wave, where they are installed; a voice of a program that is missing is not offered.
Voices that Whisper itself misunderstood are not in the table: who is not understood cannot teach. So no other language
has one: of espeak-ng's German, French, Italian, Dutch and Russian, Whisper base got every third word wrong and more.
"""

import io
import subprocess
import tempfile
import wave
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from shutil import which

import numpy as np

from engine.audio.resample import Resampler
from engine.errors import MediaUnreadable
from engine.records import AudioBlock, Samples

PATIENCE_S = 60.0  # for one sentence: the slowest voice takes a second
LOWEST_HZ, HIGHEST_HZ = 4_000, 200_000
FESTIVAL_VOICES = Path("/usr/share/festival/voices")


@dataclass(frozen=True, slots=True)
class Program:
    """A synthesiser.

    Attributes:
        command: What starts it.
        package: Debian's.
        licence: Of the program and of its voices, SPDX.
        free: Whether Debian's main archive has it.
    """

    command: str
    package: str
    licence: str
    free: bool = True


FLITE = Program("flite", "flite", "MIT-Festival")
FESTIVAL = Program("festival", "festival", "MIT-Festival")
ESPEAK = Program("espeak-ng", "espeak-ng", "GPL-3.0-or-later")
PICO = Program("pico2wave", "libttspico-utils", "Apache-2.0", free=False)


@dataclass(frozen=True, slots=True)
class Voice:
    """One way to speak.

    Attributes:
        program: That speaks.
        name: As the program calls it.
        language: ISO 639-1.
        options: For the program: speed and pitch.
        package: Debian's, where the voice comes apart from its program.
        held_out: It is never heard in training, only when what came of it is measured.
    """

    program: Program
    name: str
    language: str
    options: tuple[str, ...] = ()
    package: str = ""
    held_out: bool = False

    @property
    def here(self) -> bool:
        """Whether it can speak on this machine."""
        if which(self.program.command) is None:
            return False
        return self.program is not FESTIVAL or any(FESTIVAL_VOICES.glob(f"*/{self.name.removeprefix('voice_')}"))

    @property
    def label(self) -> str:
        """What it is called in tables and file names."""
        return " ".join((self.program.command, self.name, *self.options))

    def say(self, text: str) -> Samples:
        """Return a text spoken, float32 [n], 16 kHz.

        Raises:
            MediaUnreadable: The program failed.
        """
        with tempfile.TemporaryDirectory(prefix="undertext-") as folder:
            path = Path(folder) / "spoken.wav"
            command, given = self._command(text, path)
            try:
                subprocess.run(command, input=given, check=True, capture_output=True, timeout=PATIENCE_S)
                return read_wav(path.read_bytes())
            except (OSError, subprocess.SubprocessError, wave.Error, EOFError) as error:
                raise MediaUnreadable(
                    f"{self.label} could not say “{text}”: {error}", hint=f"Check that {self.program.command} works."
                ) from error

    def _command(self, text: str, path: Path) -> tuple[list[str], bytes]:
        """Return what makes the program speak, and what it is to read."""
        said = text.encode()
        match self.program.command:
            case "flite":
                return ["flite", "-voice", self.name, *self.options, "-f", "/dev/stdin", "-o", str(path)], said
            case "festival":
                return ["festival", "--pipe"], f"({self.name})\n{_scheme(text, path)}".encode()
            case "pico2wave":
                return ["pico2wave", "-l", self.name, "-w", str(path), "--", text], b""
            case command:
                return [command, "-v", self.name, *self.options, "--stdin", "-w", str(path)], said


def read_wav(data: bytes) -> Samples:
    """Return the sound of a WAV file of 16 bits as float32 [n], 16 kHz mono.

    Raises:
        wave.Error: It is none.
    """
    with wave.open(io.BytesIO(data)) as file:
        if file.getsampwidth() != 2:
            raise wave.Error(f"{file.getsampwidth()} bytes a sample instead of 2")
        rate, channels = file.getframerate(), file.getnchannels()
        if not LOWEST_HZ <= rate <= HIGHEST_HZ:
            raise wave.Error(f"{rate} Hz")
        pcm = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    resampler = Resampler(rate)
    frames = (pcm[: len(pcm) // channels * channels].reshape(-1, channels) / 32768).astype(np.float32)
    return np.concatenate([resampler.feed(AudioBlock(frames, rate)), resampler.finish()])


def _scheme(text: str, path: Path) -> str:
    said = text.replace("\\", " ").replace('"', " ")
    return f'(utt.save.wave (utt.synth (Utterance Text "{said}")) "{path}" (quote riff))'


def _espeak(language: str, voices: Sequence[tuple[str, int, int]]) -> Iterator[Voice]:
    """Yield voices of espeak-ng: name, words a minute, pitch of 0…99."""
    for name, speed, pitch in voices:
        yield Voice(ESPEAK, name, language, ("-s", str(speed), "-p", str(pitch)))


# Each understood by Whisper tiny.en with at most 16 % of the words wrong, as one reading of eight sentences showed.
VOICES = (
    Voice(FLITE, "rms", "en"),
    Voice(FLITE, "slt", "en"),
    Voice(FLITE, "awb", "en", held_out=True),
    Voice(FLITE, "kal16", "en"),
    Voice(FLITE, "rms", "en", ("--setf", "duration_stretch=0.85")),
    Voice(FLITE, "slt", "en", ("--setf", "duration_stretch=1.2")),
    Voice(FESTIVAL, "voice_cmu_us_slt_arctic_hts", "en", package="festvox-us-slt-hts"),
    Voice(FESTIVAL, "voice_kal_diphone", "en", package="festvox-kallpc16k"),
    Voice(FESTIVAL, "voice_ked_diphone", "en", package="festvox-kdlpc16k"),
    Voice(PICO, "en-US", "en"),
    Voice(PICO, "en-GB", "en"),
    *_espeak(
        "en",
        (
            ("en-us+m3", 175, 35),
            ("en-gb-x-rp+m1", 165, 45),
            ("en-gb+Annie", 175, 55),
            ("en-us+edward", 135, 50),
            ("en-us+victor", 135, 55),
            ("en-us+m1", 160, 40),
            ("en-us+max", 165, 45),
            ("en-us+robert", 150, 45),
            ("en-gb-x-rp+victor", 160, 45),
        ),
    ),
    Voice(ESPEAK, "en-gb+anika", "en", ("-s", "165", "-p", "50"), held_out=True),
)
