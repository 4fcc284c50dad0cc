"""Make the Linux packages of dist/undertext: a .deb, a tarball with an install script, and their checksums.

python packaging/linux/packages.py [--out DIR] [--level 0…9] [--version V]
"""

import argparse
import gzip
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import file_digest, md5
from pathlib import Path
from tempfile import TemporaryDirectory

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import contents  # noqa: E402
import freeze  # noqa: E402
import origins  # noqa: E402

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
# Loaded by name while the program runs, so that no library says that it needs them.
LOADED_LATER = ("libpulse0",)
CONTROL = """Package: undertext
Version: {version}
Architecture: {architecture}
Maintainer: The Undertext authors <undertext@undertext.invalid>
Installed-Size: {kibibytes}
Depends: {depends}
Recommends: fonts-dejavu-core
Section: sound
Priority: optional
Description: live captions under whatever this computer hears
 A video call, a lecture, a film, the radio, your own voice: Undertext writes
 under it what is said, while it is said. The words are made by Whisper on this
 machine; nothing is sent anywhere, and there is no account.
"""


def stage(frozen: Path, prefix: Path, version: str, epoch_s: int) -> None:
    """Lay out everything below a prefix: bin, lib and share.

    Args:
        frozen: The frozen program.
        prefix: New.
        version: As the pages say it.
        epoch_s: The time that every file gets.
    """
    shutil.copytree(frozen, prefix / "lib" / "undertext", symlinks=True, copy_function=_linked)
    (prefix / "bin").mkdir()
    (prefix / "bin" / "undertext").symlink_to("../lib/undertext/undertext")
    date = datetime.fromtimestamp(epoch_s, UTC).date().isoformat()
    share = prefix / "share"
    for name, place in (
        ("undertext.desktop", "applications"), ("undertext.metainfo.xml", "metainfo"), ("undertext.1", "man/man1"),
    ):  # fmt: skip
        text = (HERE / name).read_text(encoding="utf-8").replace("@VERSION@", version).replace("@DATE@", date)
        _write(share / place / name, text)
    _zip(share / "man" / "man1" / "undertext.1")
    for source, place in (
        ("icon.svg", "scalable/apps/undertext.svg"), ("icon-64.png", "64x64/apps/undertext.png"),
        ("icon-256.png", "256x256/apps/undertext.png"),
    ):  # fmt: skip
        made = share / "icons" / "hicolor" / place
        made.parent.mkdir(parents=True)
        shutil.copyfile(contents.ROOT / "assets" / source, made)
    settle(prefix, epoch_s)


def settle(folder: Path, epoch_s: int) -> None:
    """Give every file the same time and the usual rights: nothing that others may write, nothing of who built it."""
    for path in [*folder.rglob("*"), folder]:
        if not path.is_symlink():
            is_run = path.is_dir() or path.stat().st_mode & 0o100
            path.chmod(0o755 if is_run else 0o644)
        os.utime(path, (epoch_s, epoch_s), follow_symlinks=False)


def tarball(frozen: Path, out: Path, version: str, epoch_s: int, level: int) -> Path:
    """Make the archive; return it."""
    name = f"undertext-{version}-{freeze.system()}"
    made = out / f"{name}.tar.xz"
    with TemporaryDirectory(dir=out) as work:
        folder = Path(work, name)
        stage(frozen, folder, version, epoch_s)
        script = (HERE / "install.sh").read_text(encoding="utf-8").replace("@MACHINE@", os.uname().machine)
        _write(folder / "install.sh", script).chmod(0o755)
        settle(folder, epoch_s)
        order = ["--sort=name", f"--mtime=@{epoch_s}", "--owner=0", "--group=0", "--numeric-owner"]
        # Two threads always: the same input then gives the same bytes on a machine of any size.
        packed = os.environ | {"XZ_OPT": f"-{level} -T2"}
        subprocess.run(["tar", *order, "-C", work, "-cJf", str(made), name], env=packed, check=True)
    return made


def debian(frozen: Path, out: Path, version: str, epoch_s: int, level: int) -> Path:
    """Make the Debian package; return it."""
    made = out / f"undertext_{version}_{ARCHITECTURES[os.uname().machine]}.deb"
    with TemporaryDirectory(dir=out) as work:
        root = Path(work, "root")
        stage(frozen, root / "usr", version, epoch_s)
        documents = root / "usr" / "share" / "doc" / "undertext"
        _write(documents / "copyright", _copyright())
        _write(documents / "changelog", (contents.ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))
        _zip(documents / "changelog")
        _describe(root, version)
        settle(root, epoch_s)
        packed = os.environ | {"SOURCE_DATE_EPOCH": str(epoch_s)}
        options = ["--root-owner-group", "-Zxz", f"-z{level}"]
        subprocess.run(["dpkg-deb", *options, "--build", str(root), str(made)], env=packed, check=True)
    return made


def _describe(root: Path, version: str) -> None:
    """Write what dpkg reads of a package: what it is and needs, and a checksum of every file."""
    files = [path for path in sorted(root.rglob("*")) if path.is_file() and not path.is_symlink()]
    control = CONTROL.format(
        version=version,
        architecture=ARCHITECTURES[os.uname().machine],
        kibibytes=sum(path.stat().st_size for path in files) // 1024,
        depends=", ".join(needed(root / "usr" / "lib" / "undertext")),
    )
    sums = "".join(f"{_md5(path)}  {path.relative_to(root).as_posix()}\n" for path in files)
    _write(root / "DEBIAN" / "control", control)
    _write(root / "DEBIAN" / "md5sums", sums)


def needed(frozen: Path) -> list[str]:
    """Return the Debian packages, with the least versions, that have the libraries which are not in the bundle."""
    libraries = [path for path in sorted(frozen.rglob("*")) if _is_elf(path)]
    private = sorted({str(path.parent) for path in libraries})
    command = ["dpkg-shlibdeps", "-O", "--ignore-missing-info", "--warnings=0", *(f"-l{folder}" for folder in private)]
    with TemporaryDirectory() as work:
        _write(Path(work, "debian", "control"), "Source: undertext\n\nPackage: undertext\nArchitecture: any\n")
        told = subprocess.run(
            [*command, *(f"-e{path}" for path in libraries)], cwd=work, check=True, capture_output=True, text=True
        )
    found = re.sub(r"^shlibs:Depends=", "", told.stdout.strip()).split(", ")
    return sorted({*found, *LOADED_LATER})


def checksums(made: list[Path], out: Path) -> Path:
    """Write SHA256SUMS of what is to be handed out, as sha256sum reads it."""
    lines = []
    for path in sorted(made):
        with path.open("rb") as file:
            lines.append(f"{file_digest(file, 'sha256').hexdigest()}  {path.name}\n")
    return _write(out / "SHA256SUMS", "".join(lines))


def _copyright() -> str:
    licence = (contents.ROOT / "LICENSE").read_text(encoding="utf-8")
    return f"{licence}\nThe licences of everything that comes with Undertext are in /usr/lib/undertext/licences.\n"


def _is_elf(path: Path) -> bool:
    if path.is_symlink() or not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF"


def _md5(path: Path) -> str:
    return md5(path.read_bytes(), usedforsecurity=False).hexdigest()  # what dpkg's own lists have


def _linked(source: str, target: str) -> None:
    """Let a file stand in a second place: half a gigabyte need not be copied where the file system is the same."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _zip(path: Path) -> None:
    path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes(), mtime=0))
    path.unlink()


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def _beside(out: Path) -> Iterator[Path]:
    """Yield what `freeze.py` has written beside the program, and `gpu_pack.py`."""
    yield from out.glob(f"undertext-{origins.version()}-{freeze.system()}.*.json")
    yield from out.glob(f"undertext-{origins.version()}-{freeze.system()}.files.txt")
    yield from out.glob(f"undertext-gpu-{origins.version()}-{freeze.system()}.*")


def main() -> None:
    """Make everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=freeze.DIST, help="where they are written (default: dist)")
    parser.add_argument("--level", type=int, default=6, choices=range(10), help="of compression (default: 6)")
    parser.add_argument("--version", default=origins.version(), help="of the packages, to try an upgrade")
    parser.add_argument("--only", choices=("deb", "tarball"), help="make one of them")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    told = (freeze.FROZEN, options.out, options.version, freeze.committed_s(), options.level)
    ways = {"deb": debian, "tarball": tarball}
    made = [way(*told) for name, way in ways.items() if options.only in {None, name}]
    for path in [*made, checksums([*made, *_beside(options.out)], options.out)]:
        print(f"{path.stat().st_size / 1_000_000:7.1f} MB  {path}")


if __name__ == "__main__":
    main()
