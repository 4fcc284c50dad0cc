"""Who vouches for the bundle: what signs it, what has Apple look at it, and the command lines of both.

Without an identity it stays signed by nobody (ad hoc), as `freeze.py` leaves it: it runs where it was built, and
anywhere else once its user has allowed it in the system's settings.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import bundle

IDENTITY = "UNDERTEXT_SIGNING_IDENTITY"
KEY, KEY_ID, ISSUER = "UNDERTEXT_NOTARY_KEY", "UNDERTEXT_NOTARY_KEY_ID", "UNDERTEXT_NOTARY_ISSUER"
# Of a program or library for one processor, and for several.
_MAGIC = (b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe")


class CannotPackage(Exception):
    """A step cannot be done here; the sentence says what it wants."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What is known of who packages.

    Attributes:
        identity: The name of a Developer ID certificate in the keychain; empty for none.
        notary: The arguments that tell Apple's notary who asks: a key of App Store Connect; none without one.
    """

    identity: str
    notary: tuple[str, ...]


def credentials(environment: Mapping[str, str]) -> Credentials:
    """Return what the environment gives.

    Raises:
        CannotPackage: It gives a part of what belongs together.
    """
    identity = environment.get(IDENTITY, "")
    given = [name for name in (KEY, KEY_ID, ISSUER) if environment.get(name)]
    if not given:
        return Credentials(identity, ())
    if missing := [name for name in (KEY, KEY_ID, ISSUER) if name not in given]:
        raise CannotPackage(f"{given[0]} is set, and {' and '.join(missing)} is not: notarising wants all three.")
    if not identity:
        raise CannotPackage(f"Only what somebody has signed can be notarised: set {IDENTITY}, or none of {KEY}….")
    told = ("--key", environment[KEY], "--key-id", environment[KEY_ID], "--issuer", environment[ISSUER])
    return Credentials(identity, told)


def sign(path: Path, identity: str, *, is_program: bool = False) -> list[str]:
    """Return the command that signs a library, a framework or the whole bundle.

    Args:
        path: What is signed.
        identity: The certificate's name.
        is_program: Whether it is started: then it says what it is entitled to.
    """
    entitled = ["--entitlements", str(bundle.ENTITLEMENTS)] if is_program else []
    return ["codesign", "--force", "--timestamp", "--options", "runtime", *entitled, "--sign", identity, str(path)]


def sign_image(made: Path, identity: str) -> list[str]:
    """Return the command that signs a disk image."""
    return ["codesign", "--force", "--timestamp", "--sign", identity, str(made)]


def verify(app: Path) -> list[str]:
    """Return the command that checks every signature in a bundle."""
    return ["codesign", "--verify", "--deep", "--strict", str(app)]


def image(folder: Path, made: Path) -> list[str]:
    """Return the command that makes a disk image of a folder."""
    named = ["-volname", "Undertext", "-fs", "HFS+", "-format", "ULMO"]  # packed by LZMA, which macOS 10.15 reads
    return ["hdiutil", "create", "-ov", *named, "-srcfolder", str(folder), str(made)]


def notarise(made: Path, notary: tuple[str, ...]) -> list[str]:
    """Return the command that has Apple look at a disk image; it prints JSON when Apple has answered."""
    return ["xcrun", "notarytool", "submit", str(made), *notary, "--wait", "--output-format", "json"]


def staple(made: Path) -> list[str]:
    """Return the command that fastens Apple's answer to a disk image, so that a Mac without a network sees it too."""
    return ["xcrun", "stapler", "staple", str(made)]


def signed_parts(app: Path) -> Iterator[Path]:
    """Yield what in a bundle is signed by itself, before the bundle: what lies deeper comes first.

    A framework is signed as a whole. The program is signed with the bundle.
    """
    inside = app / "Contents" / "Frameworks"
    frameworks = {path for path in inside.rglob("*.framework") if not path.is_symlink()}
    libraries = {
        path
        for path in inside.rglob("*")
        if path.is_file() and not path.is_symlink() and frameworks.isdisjoint(path.parents) and is_code(path)
    }
    yield from sorted(libraries | frameworks, key=lambda path: (-len(path.parts), path))


def is_code(path: Path) -> bool:
    """Whether a file is a program or a library of macOS."""
    with path.open("rb") as file:
        return file.read(4) in _MAGIC
