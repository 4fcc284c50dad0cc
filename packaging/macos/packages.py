"""Make the disk image of dist/Undertext.app, and its checksums; signed where the environment says by whom.

python packaging/macos/packages.py [--out DIR]

    UNDERTEXT_SIGNING_IDENTITY  the name of a Developer ID Application certificate in the keychain
    UNDERTEXT_NOTARY_KEY        the file of a key of App Store Connect; with it belong
    UNDERTEXT_NOTARY_KEY_ID     its id, and
    UNDERTEXT_NOTARY_ISSUER     whose it is

The list of files is of the bundle as it was frozen; signing changes it, and puts the time into it.

Written from Apple's documents; it has not been run on a Mac.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import freeze  # noqa: E402
import origins  # noqa: E402
import release  # noqa: E402
import signing  # noqa: E402
from signing import CannotPackage  # noqa: E402

WRONG = 2  # the exit code of bad input, as everywhere in Undertext


def steps(app: Path, made: Path, known: signing.Credentials) -> Iterator[str]:
    """Do everything; yield what is done, a line before each step.

    Args:
        app: The frozen bundle.
        made: The disk image.
        known: As whom it is signed.

    Raises:
        CannotPackage: A step ended badly.
    """
    if known.identity:
        yield f"signing as {known.identity}"
        for path in signing.signed_parts(app):
            _run(signing.sign(path, known.identity))
        _run(signing.sign(app, known.identity, is_program=True))
    else:
        yield f"signed by nobody (ad hoc): {signing.IDENTITY} is not set"
    yield "checking the signatures"
    _run(signing.verify(app))
    yield f"packing {made.name}"
    _pack(app, made)
    if known.identity:
        yield f"signing {made.name}"
        _run(signing.sign_image(made, known.identity))
    if known.notary:
        yield "waiting for Apple's notary (minutes)"
        accepted(_run(signing.notarise(made, known.notary)))
        yield "fastening its answer to the image"
        _run(signing.staple(made))
    else:
        yield f"not notarised: {signing.KEY} is not set"


def accepted(answer: str) -> None:
    """Check what the notary answered; its program ends with 0 whatever that is.

    Raises:
        CannotPackage: It did not accept what was sent.
    """
    told = json.loads(answer)
    if told.get("status") != "Accepted":
        raise CannotPackage(
            f"Apple's notary says {told.get('status')!r}: ask it why, xcrun notarytool log {told.get('id')}."
        )


def _pack(app: Path, made: Path) -> None:
    """Make the image: the bundle, and beside it where it is dragged to."""
    with TemporaryDirectory(dir=made.parent) as work:
        _run(["ditto", str(app), str(Path(work, app.name))])  # a copy that keeps everything that is signed
        Path(work, "Applications").symlink_to("/Applications")
        _run(signing.image(Path(work), made))


def _run(command: Sequence[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise CannotPackage(f"{command[0]} is not on this machine: install Xcode's command line tools.") from error
    if done.returncode:
        raise CannotPackage(f"{command[0]} ended with {done.returncode}: {(done.stderr or done.stdout).strip()}")
    return done.stdout


def image(out: Path) -> Path:
    """Make the disk image, telling each step; return it.

    Raises:
        CannotPackage: Here it cannot be made, or a step ended badly.
    """
    if sys.platform != "darwin":
        raise CannotPackage("A disk image for macOS is made on macOS: codesign and hdiutil are its own.")
    if not freeze.FROZEN.is_dir():
        raise CannotPackage(f"There is no {freeze.FROZEN}. Make it: ./run freeze")
    out.mkdir(parents=True, exist_ok=True)
    made = out / f"undertext-{origins.version()}-{freeze.system()}.dmg"
    for line in steps(freeze.FROZEN, made, signing.credentials(os.environ)):
        print(line, flush=True)
    return made


def main() -> int:
    """Make everything; return 2 where something cannot be done, after the sentence that says what."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=freeze.DIST, help="where it is written (default: dist)")
    out = parser.parse_args().out
    try:
        made = image(out)
    except CannotPackage as wrong:
        print(wrong, file=sys.stderr)
        return WRONG
    print(release.told([made, release.checksums([made, *release.beside(out)], out)]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
