"""Make the GPU pack: what a frozen program lacks to compute on an NVIDIA GPU. Run `./run gpu-pack`.

It is torch and what torch needs, as pip installs the extra `gpu` of pyproject.toml, without what is never used. Which
build of torch that is, pip's configuration says. `engine.pack` tells what an archive holds, and unpacks it. The same
source and wheels give the same list of files.
"""

import argparse
import os
import re
import shutil
import stat
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from hashlib import file_digest
from importlib.metadata import Distribution, distributions
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import contents
import freeze
import licences
import origins

from engine.pack.keeping import SUMS
from engine.pack.manifest import NAME, SITE, TORCH, File, Manifest, Program

LEVEL = 6  # of compression; a wheel's own
_EARLIEST = (1980, 1, 1, 0, 0, 0)  # the time of every file: a zip archive knows none before
_CUDA = re.compile(r"^cuda: .* = '([\d.]+)'$", re.MULTILINE)


class NoPack(Exception):
    """A pack cannot be made of this."""


def main() -> None:
    """Make it, and write down what is inside."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=freeze.DIST, help="where it is written (default: dist)")
    parser.add_argument("--from", dest="site", type=Path, metavar="SITE_PACKAGES", help="take what is installed there")
    parser.add_argument(
        "--level", type=int, default=LEVEL, choices=range(10), help=f"of compression (default: {LEVEL})"
    )
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    made, manifest, found = make(options.out, options.site, options.level)
    _list_materials(found, made)
    print(f"torch {manifest.torch}, CUDA {manifest.cuda or 'none'}, {len(manifest.files)} files")
    print(f"{manifest.total / 1e6:7.1f} MB installed\n{made.stat().st_size / 1e6:7.1f} MB  {made}")


def make(out: Path, source: Path | None = None, level: int = LEVEL) -> tuple[Path, Manifest, list[origins.Component]]:
    """Make a pack in a folder, and add it to the checksums there; return it, with what is inside and whose it is.

    Args:
        out: The folder.
        source: Where the packages are installed; None lets pip install them.
        level: Of compression, 0 to 9.
    """
    with TemporaryDirectory(dir=out, prefix=".gpu-pack-") as work:
        bring(Path(work, SITE), source)
        found = settle(Path(work))
        manifest = described(Path(work))
        made = out / f"undertext-gpu-{origins.version()}-{freeze.system()}.zip"
        pack(Path(work), manifest, made, level)
    add_checksum(made)
    return made, manifest, found


def wanted() -> list[str]:
    """Return what pip is asked for: the extra `gpu`."""
    with (contents.ROOT / "pyproject.toml").open("rb") as file:
        requirements: list[str] = tomllib.load(file)["project"]["optional-dependencies"]["gpu"]
    return requirements


def bring(site: Path, source: Path | None = None) -> None:
    """Fill a folder with packages.

    Args:
        site: New.
        source: A folder in which they are installed; None lets pip install them.
    """
    if source is not None:
        for package in needed(source):
            for file in package.files or ():
                if ".." not in file.parts and file.suffix != ".pyc":
                    target = site / file
                    target.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy2(str(file.locate()), target)
        return
    options = ["--disable-pip-version-check", "--no-input", "--quiet", "--no-compile", "--only-binary", ":all:"]
    command = [sys.executable, "-m", "pip", "install", *options, "--target", str(site), *wanted()]
    subprocess.run(command, check=True)


def needed(source: Path) -> Iterator[Distribution]:
    """Yield the packages of the extra `gpu` that are installed in a folder, and what they need.

    Raises:
        NoPack: One is missing.
    """
    from packaging.requirements import Requirement  # noqa: PLC0415  # the library of that name, in both environments

    here = {_canonical(found.name): found for found in distributions(path=[str(source)])}
    waiting, seen = [Requirement(line) for line in wanted()], set[str]()
    while waiting:
        requirement = waiting.pop()
        name = _canonical(requirement.name)
        if name in seen or not (requirement.marker is None or requirement.marker.evaluate({"extra": ""})):
            continue
        if name not in here:
            raise NoPack(f"{requirement} is not installed in {source}")
        seen.add(name)
        waiting += map(Requirement, here[name].requires or ())
        yield here[name]


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def settle(work: Path) -> list[origins.Component]:
    """Leave out what is never used, compile what is imported, add the licences; return whose it all is.

    Args:
        work: Has the folder `site`.
    """
    site = work / SITE
    found = [origins.published(package) for package in distributions(path=[str(site)]) if not _stays_out(package)]
    found.sort(key=lambda one: one.name.lower())
    licences.write(found, work / licences.FOLDER, licences.OF_THE_GPU_PACK)
    for path in sorted(site.rglob("*")):
        place = path.relative_to(site).as_posix()
        if path.is_file() and contents.why_left_out(place, *contents.OF_THE_GPU_PACK):
            path.unlink()
        elif path.is_file() and contents.is_stripped(place) and shutil.which("strip"):
            subprocess.run(["strip", "--strip-unneeded", str(path)], check=True)
    # A frozen program writes no bytecode of what it imports: without this it would compile torch at every start. By the
    # hash that is never asked for, it holds no time; and no place, for that is told when it is imported.
    command = [
        sys.executable,
        "-m",
        "compileall",
        "-q",
        "--invalidation-mode",
        "unchecked-hash",
        "-s",
        str(site),
        str(site),
    ]
    subprocess.run(command, check=False, env=os.environ | {"PYTHONHASHSEED": "1"}, stdout=subprocess.DEVNULL)
    return found


def _stays_out(package: Distribution) -> bool:
    return bool(contents.why_left_out(f"{_canonical(package.name)}/", *contents.OF_THE_GPU_PACK))


def described(work: Path) -> Manifest:
    """Return the manifest of a folder.

    Raises:
        NoPack: Its torch is another than the engine works with.
    """
    (torch,) = (found.version for found in distributions(path=[str(work / SITE)]) if found.name == "torch")
    if torch.partition("+")[0] != TORCH:
        raise NoPack(f"it is torch {torch}, and the engine works with {TORCH}")
    cuda = _CUDA.search((work / SITE / "torch" / "version.py").read_text(encoding="utf-8"))
    paths = sorted((path for path in work.rglob("*") if path.is_file()), key=lambda path: path.as_posix())
    files = tuple(_described(path, path.relative_to(work).as_posix()) for path in paths)
    manifest = Manifest(Program.this(), torch, cuda[1] if cuda else "", files)
    return Manifest.read(manifest.written())  # which refuses what an installation would refuse


def _described(path: Path, name: str) -> File:
    with path.open("rb") as file:
        digest = file_digest(file, "sha256").hexdigest()
    status = path.stat()
    return File(name, status.st_size, digest, bool(status.st_mode & stat.S_IXUSR) and os.name != "nt")


def pack(work: Path, manifest: Manifest, made: Path, level: int) -> None:
    """Write the archive: the manifest first, then every file in order."""
    with ZipFile(made, "w", ZIP_DEFLATED, compresslevel=level) as archive:
        archive.writestr(_entry(NAME, 0o644), manifest.written())
        for file in manifest.files:
            entry = _entry(file.name, 0o755 if file.runs else 0o644)
            entry.file_size = file.bytes  # by which zipfile knows whether it must be able to be large
            with (work / file.name).open("rb") as source, archive.open(entry, "w") as target:
                shutil.copyfileobj(source, target, 1 << 20)


def _entry(name: str, mode: int) -> ZipInfo:
    entry = ZipInfo(name, _EARLIEST)
    entry.compress_type = ZIP_DEFLATED
    entry.create_system = 3  # Unix, on every system: then its rights are told
    entry.external_attr = (stat.S_IFREG | mode) << 16
    return entry


def add_checksum(made: Path) -> None:
    """Write the archive's checksum into the list beside it, in place of an earlier one."""
    sums = made.with_name(SUMS)
    lines = sums.read_text(encoding="utf-8").splitlines() if sums.is_file() else []
    with made.open("rb") as file:
        line = f"{file_digest(file, 'sha256').hexdigest()}  {made.name}"
    kept = [other for other in lines if not other.endswith(f"  {made.name}")]
    sums.write_text("\n".join(sorted([*kept, line], key=lambda each: each[66:])) + "\n", encoding="utf-8")


def _list_materials(found: list[origins.Component], made: Path) -> None:
    import sbom  # noqa: PLC0415  # its library is in the environment that freezes

    bill = made.with_suffix(".cdx.json")
    sbom.write(found, origins.version(), freeze.committed_s(), bill, "The GPU pack of Undertext")


if __name__ == "__main__":
    main()
