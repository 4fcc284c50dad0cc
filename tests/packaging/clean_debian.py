"""A clean Debian in a folder: what a stranger's machine has who has installed nothing yet.

The base is made once by debootstrap, kept packed in build/, and unpacked for each test module. It shares the network
names of this machine, so that an X server outside can be used; nothing of ours is installed in it.
"""

import os
import shutil
import stat
import subprocess
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BASE = ROOT / "build" / "debian-12.tar"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
GUEST = "guest"
# How this machine reaches Debian's packages, where that needs more than the base knows.
_ACCESS = ("etc/resolv.conf", "etc/hosts", "etc/apt/apt.conf.d", "usr/local/share/ca-certificates")
ALL_IN_S = 1200


class CleanDebian:
    """Runs commands inside.

    Attributes:
        folder: Its root.
    """

    def __init__(self, folder):
        self.folder = folder

    def run(self, *command, user="root", is_offline=False, **environment):
        """Run a command to its end; return what it printed, and its code."""
        home = "/root" if user == "root" else f"/home/{user}"
        told = {"HOME": home, "PATH": PATH, "LANG": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive", **environment}
        into = ["chroot", f"--userspec={user}:{user}", self.folder, "/bin/sh", "-c", f'cd "{home}" && exec "$@"', "sh"]
        return subprocess.run(
            [*(["unshare", "--net"] if is_offline else []), *into, *map(str, command)],
            env=told,
            capture_output=True,
            text=True,
            timeout=ALL_IN_S,
            check=False,
        )

    def must(self, *command, **options):
        """Run a command that has to succeed; return what it printed."""
        done = self.run(*command, **options)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout

    def take(self, path):
        """Copy a file in; return where it is inside."""
        shutil.copy(path, self.folder / "tmp" / path.name)
        return f"/tmp/{path.name}"

    def home(self):
        """Return the guest's home, seen from outside."""
        return self.folder / "home" / GUEST

    def files(self):
        """Return what lies where packages put things."""
        return {path.relative_to(self.folder).as_posix() for path in (self.folder / "usr").rglob("*")}


@contextmanager
def clean_debian(folder):
    """Yield a Debian 12 with the smallest set of packages, and a user; skip where it cannot be made."""
    missing = [name for name in ("debootstrap", "chroot", "unshare") if shutil.which(name) is None]
    if missing or os.geteuid() != 0:
        pytest.skip(f"needs root, and {', '.join(missing) or 'no more'}")
    root = folder / "debian"
    root.mkdir(mode=0o755)
    subprocess.run(["tar", "-xf", _base(), "-C", root], check=True)
    for place in _ACCESS:
        _copied(Path("/", place), root / place)
    with ExitStack() as stack:
        _make_devices(root / "dev")
        for kind, place in (("proc", "proc"), ("tmpfs", "tmp"), ("tmpfs", "dev/shm")):
            (root / place).mkdir(exist_ok=True)
            stack.enter_context(_mounted(kind, root / place))
        inside = CleanDebian(root)
        inside.must("useradd", "--create-home", GUEST)
        inside.must("apt-get", "update", "-qq")
        yield inside


def _base():
    if not BASE.is_file():
        BASE.parent.mkdir(exist_ok=True)
        made = BASE.with_name("debian-12")
        shutil.rmtree(made, ignore_errors=True)
        subprocess.run(["debootstrap", "--variant=minbase", "bookworm", made], check=True, capture_output=True)
        subprocess.run(["tar", "-cf", BASE, "-C", made, "."], check=True)
        shutil.rmtree(made)
    return BASE


def _make_devices(folder):
    """Make the devices that every program may use, as nodes of their own.

    A devtmpfs is this machine's own /dev in a second place: whoever deletes the folder after a test that was killed
    would delete the machine's devices.
    """
    for name, minor in (("null", 3), ("zero", 5), ("full", 7), ("random", 8), ("urandom", 9)):
        node = folder / name
        node.unlink(missing_ok=True)
        os.mknod(node, stat.S_IFCHR | 0o666, os.makedev(1, minor))
        node.chmod(0o666)  # whatever the umask
    with suppress(FileExistsError):
        (folder / "fd").symlink_to("/proc/self/fd")


def _copied(source, target):
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True)
    elif source.exists():
        shutil.copy(source, target)


@contextmanager
def _mounted(kind, folder):
    done = subprocess.run(["mount", "-t", kind, kind, folder], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"a file system cannot be mounted here: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)
