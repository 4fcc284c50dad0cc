"""Where sound comes from: what Debian's packages ship, and what licences it has.

Folders of the user's own are read as well (`engine.adapt.library`). What is not installed is passed over, and can be
named together with the line that installs it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from engine.adapt.phrases import FAQ, WORDNET
from engine.adapt.voices import VOICES


class Kind(StrEnum):
    """What is heard.

    SPEECH: somebody speaks, and nothing else is heard. NOISE and MUSIC: nobody speaks. BABBLE: voices in a noise, fit
    for a murmur behind somebody who speaks, and for nothing else.
    """

    SPEECH = "speech"
    NOISE = "noise"
    MUSIC = "music"
    BABBLE = "babble"


@dataclass(frozen=True, slots=True)
class Source:
    """Sound that a package ships.

    Attributes:
        package: Debian's name.
        pattern: Of its files, below the root folder.
        kind: Of all of them.
        licence: SPDX.
        language: ISO 639-1 of speech; empty for the rest.
        credit: Whose it is, where a licence wants that said.
    """

    package: str
    pattern: str
    kind: Kind
    licence: str
    language: str = ""
    credit: str = ""

    def files(self, root: Path = Path("/")) -> list[Path]:
        """Return what is here of it, in the order of the names."""
        return sorted(path for path in root.glob(self.pattern) if path.is_file())


# Only what lies in the folder itself, sentences mostly: of its letters and digits, alone, Whisper makes nothing.
_ASTERISK = "usr/share/asterisk/sounds"
SOURCES = (
    Source(
        "flight-of-the-amazon-queen",
        "usr/share/scummvm/flight-of-the-amazon-queen/queen.1c",
        Kind.SPEECH,
        "LicenseRef-Flight-of-the-Amazon-Queen",
        "en",
        "John Passfield and Steven Stamatiadis, 1995",
    ),
    Source(
        "asterisk-core-sounds-en-g722",
        f"{_ASTERISK}/en_US_f_Allison/*.g722",
        Kind.SPEECH,
        "CC-BY-SA-3.0",
        "en",
        "Allison Smith",
    ),
    Source(
        "asterisk-core-sounds-es-g722",
        f"{_ASTERISK}/es_MX_f_Allison/*.g722",
        Kind.SPEECH,
        "CC-BY-SA-3.0",
        "es",
        "Allison Smith",
    ),
    Source(
        "asterisk-core-sounds-fr-g722",
        f"{_ASTERISK}/fr_CA_f_June/*.g722",
        Kind.SPEECH,
        "CC-BY-SA-3.0",
        "fr",
        "June Wallack",
    ),
    Source(
        "asterisk-core-sounds-it-g722",
        f"{_ASTERISK}/it_IT_m_Carlo/*.g722",
        Kind.SPEECH,
        "CC-BY-3.0",
        "it",
        "Carlo Flora",
    ),
    Source(
        "asterisk-core-sounds-ru-g722",
        f"{_ASTERISK}/ru_RU_f_IvrvoiceRU/*.g722",
        Kind.SPEECH,
        "CC-BY-3.0",
        "ru",
        "Maxim Topal, ivrvoice.ru",
    ),
    Source(
        "asterisk-moh-opsound-g722",
        "usr/share/asterisk/moh/*.g722",
        Kind.MUSIC,
        "CC-BY-SA-3.0",
        credit="Macroform, Manolo Camp, Reno Project",
    ),
    Source(
        "lincity-ng-data",
        "usr/share/games/lincity-ng/music/default/*.ogg",
        Kind.MUSIC,
        "GPL-2.0-or-later",
        credit="pronobozo, Robert van Herk",
    ),
    Source("lincity-ng-data", "usr/share/games/lincity-ng/sounds/*.wav", Kind.NOISE, "GPL-2.0-or-later"),
    Source(
        "frozen-bubble-data",
        "usr/share/games/frozen-bubble/snd/*zik*.ogg",
        Kind.MUSIC,
        "GPL-2.0-only",
        credit="Matthias Le Bidan",
    ),
    Source("frozen-bubble-data", "usr/share/games/frozen-bubble/snd/[!fi]*.ogg", Kind.NOISE, "GPL-2.0-only"),
    Source("zaz-data", "usr/share/games/zaz/mus*.ogg", Kind.MUSIC, "CC-BY-SA-3.0", credit="Leonard Ritter"),
    Source("zaz-data", "usr/share/games/zaz/[!m]*.ogg", Kind.NOISE, "GPL-3.0-or-later"),
    Source("pax-britannica-data", "usr/share/pax-britannica/audio/music.ogg", Kind.MUSIC, "MIT", credit="Ben Abraham"),
    Source("tuxmath-data", "usr/share/tuxmath/sounds/*.ogg", Kind.MUSIC, "GPL-3.0-or-later AND CC-BY-SA-3.0"),
    Source("tuxmath-data", "usr/share/tuxmath/sounds/*.wav", Kind.NOISE, "GPL-3.0-or-later"),
    Source("sonic-pi-samples", "usr/share/sonic-pi/samples/loop_*.flac", Kind.MUSIC, "CC0-1.0"),
    Source("sonic-pi-samples", "usr/share/sonic-pi/samples/[agmpv]*.flac", Kind.NOISE, "CC0-1.0"),
    Source("sound-icons", "usr/share/sounds/sound-icons/*.wav", Kind.NOISE, "GPL-2.0-or-later"),
    Source(
        "sound-theme-freedesktop",
        "usr/share/sounds/freedesktop/stereo/[!a]*.oga",
        Kind.NOISE,
        "CC-BY-SA-3.0 AND CC-BY-3.0 AND GPL-2.0-or-later",
    ),
)


@dataclass(frozen=True, slots=True)
class Missing:
    """What would make an adaptation better, and is not installed.

    Attributes:
        packages: Debian's names.
        line: Installs them.
    """

    packages: tuple[str, ...]

    @property
    def line(self) -> str:
        """The command that installs them; empty where nothing is missing."""
        return f"apt-get install --no-install-recommends {' '.join(self.packages)}" if self.packages else ""


def missing(languages: Iterable[str], root: Path = Path("/")) -> Missing:
    """Return what is not installed of what speaks these languages, and of noise and music."""
    return Missing(tuple(dict.fromkeys(_missing(frozenset(languages), root))))


def _missing(languages: frozenset[str], root: Path) -> Iterator[str]:
    for source in SOURCES:
        if (not source.language or source.language in languages) and not source.files(root):
            yield source.package
    for voice in VOICES:
        if voice.language in languages and not voice.here and voice.program.free:
            yield voice.program.package
            yield from filter(None, [voice.package])
    if "en" in languages and not WORDNET.exists():
        yield "wordnet-base"
    for language in sorted(languages & {"de", "fr", "it", "nl", "ru"}):
        if not any(FAQ.glob(f"*.{language}.txt*")):
            yield f"debian-faq-{language}"
