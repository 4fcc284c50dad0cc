"""Bring a GPU pack, check it again, take it away: each wholly or not at all.

    <folder>          the pack, as `installed` finds it
    <folder>.lock     held while it changes

A pack is unpacked beside its place and tried there. What was installed before is used until the new one has passed.
"""

import hashlib
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.errors import PackRefused
from engine.models.disk import exclusive, new_folder, private_folder, put_folder
from engine.pack.archive import BLOCK, Archive, Progress
from engine.pack.installed import find
from engine.pack.manifest import AGAIN, Manifest, Program
from engine.pack.trial import Trial

SUMS = "SHA256SUMS"  # which is handed out beside a pack, as sha256sum writes it
_LINE = re.compile(r"([0-9a-fA-F]{64}) [ *](.+)")


def install(
    archive: Path,
    folder: Path,
    trial: Callable[[Path], Trial],
    progress: Progress,
    *,
    sha256: str = "",
    program: Program | None = None,
) -> tuple[Manifest, Trial]:
    """Install a pack in place of an earlier one, after it was checked and tried.

    Args:
        archive: The file that was handed out.
        folder: Where it goes.
        trial: Tries the pack in a folder; raises PackRefused if it is no use.
        progress: Told of what is done; what it raises ends the installation.
        sha256: What the archive is to have; where it is empty, the file SHA256SUMS beside it is asked.
        program: That it has to fit; None for this one.

    Returns:
        What was installed, and what the trial told.

    Raises:
        PackRefused: It is damaged, made for another program or no use, or cannot be written; nothing has changed.
    """
    if not archive.is_file():
        raise PackRefused(f"there is no file {archive}", hint="Check the path.")
    _compare(archive, (sha256 or _published(archive)).lower(), progress)
    with _changing(folder), Archive(archive) as opened:
        manifest = opened.manifest
        manifest.must_fit(program or Program.this())
        if (lacking := manifest.total - shutil.disk_usage(folder.parent).free) > 0:
            raise _unwritable(folder, f"{(lacking >> 20) + 1} MiB too little is free")
        with new_folder(folder.parent, folder.name) as fresh:
            opened.unpack(fresh, progress)
            passed = trial(fresh)
            put_folder(fresh, folder)
    return manifest, passed


def check(folder: Path, trial: Callable[[Path], Trial], progress: Progress) -> Trial:
    """Hash every file of the installed pack again, and try it again; return what it told.

    Raises:
        PackRefused: It is damaged, made for another program or no use, or there is none.
    """
    manifest = find(folder)
    if manifest is None:
        raise PackRefused(f"there is no GPU pack in {folder}", hint=AGAIN)
    done = 0
    for file in manifest.files:
        if _sha256(folder / file.name, lambda _bytes: None) != file.sha256:
            raise PackRefused(f"the GPU pack in {folder} is damaged: {file.name} has changed", hint=AGAIN)
        done += file.bytes
        progress("checking", done, manifest.total)
    return trial(folder)


def remove(folder: Path) -> bool:
    """Delete the installed pack, in whatever state it is; return whether there was one.

    Raises:
        PackRefused: It cannot be deleted.
    """
    if not folder.exists():
        return False
    with _changing(folder), new_folder(folder.parent, folder.name) as aside:
        folder.rename(aside / folder.name)
    return True


def _compare(archive: Path, wanted: str, progress: Progress) -> None:
    """Refuse an archive that is not the published one; nothing is wanted where no checksum is known."""
    if not wanted:
        return
    total, done = archive.stat().st_size, 0

    def count(more: int) -> None:
        nonlocal done
        done += more
        progress("checking", done, total)

    if (found := _sha256(archive, count)) != wanted:
        raise PackRefused(f"{archive.name} has SHA-256 {found}, and should have {wanted:.64}", hint=AGAIN)


def _published(archive: Path) -> str:
    """Return what the list beside an archive says of it; nothing where there is no list, or not of this file."""
    try:
        lines = archive.with_name(SUMS).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return ""
    except (OSError, ValueError) as error:
        raise PackRefused(f"{SUMS} beside {archive.name} cannot be read", hint="Fetch it again.") from error
    told = [_LINE.fullmatch(line) for line in lines]
    return next((line[1] for line in told if line and line[2] == archive.name), "")


def _sha256(path: Path, count: Callable[[int], None]) -> str:
    digest = hashlib.sha256()
    try:
        with path.open("rb", buffering=0) as file:
            while block := file.read(BLOCK):
                digest.update(block)
                count(len(block))
    except OSError as error:
        raise PackRefused(f"{path} cannot be read: {error.strerror or error}", hint=AGAIN) from error
    return digest.hexdigest()


@contextmanager
def _changing(folder: Path) -> Iterator[None]:
    """Let one process at a time change what is installed, and clear away what a killed one has left."""
    try:
        private_folder(folder.parent)
        with exclusive(folder.with_name(f"{folder.name}.lock")) as free:
            if not free:
                raise PackRefused("the GPU pack is being changed by another Undertext", hint="Wait for it.")
            for left in folder.parent.glob(f".{folder.name}-*"):
                shutil.rmtree(left, ignore_errors=True)
            yield
    except OSError as error:
        raise _unwritable(folder, error.strerror or str(error)) from error


def _unwritable(folder: Path, reason: str) -> PackRefused:
    return PackRefused(
        f"{folder} cannot be changed: {reason}",
        hint="Close every Undertext and free space there, or let UNDERTEXT_HOME name another folder.",
    )
