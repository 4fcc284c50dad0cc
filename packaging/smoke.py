"""Start a frozen program as a stranger's machine would: python packaging/smoke.py PROGRAM [--model FOLDER].

On Windows the program is undertext.com, which has a terminal; the other one beside it is tried as well.

No Python is in its path and no variable in its environment, its home has a name with spaces and letters of other
alphabets; where Linux lets us, there is no network and the program's folder cannot be written. It must caption the
built-in clip, say when it is ready, read a media file, paint the overlay, keep a transcript in its home, and log no
warning. A program that was frozen without a model takes one from --model.
"""

import argparse
import difflib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

ALL_IN_S = 300  # for what takes seconds: the machine may be busy
ALIKE = 0.9  # of the words of the clip; two voices of a synthesiser, which any model understands
DEMO = Path(__file__).resolve().parents[1] / "assets" / "demo" / "demo.txt"
_TROUBLE = re.compile(r" (WARNING|ERROR|CRITICAL) |Traceback", re.MULTILINE)


class NotSound(Exception):
    """The program does not do what it should."""


@dataclass
class Stranger:
    """Runs the program in a home of its own.

    Attributes:
        program: The executable.
        home: The home, which is new.
        before: What isolates it, put before the command.
        chosen: The arguments that choose a model; none where one comes with the program.
    """

    program: Path
    home: Path
    before: Sequence[str] = ()
    chosen: list[str] = field(default_factory=list)

    def run(self, *arguments: str) -> str:
        """Return what it prints.

        Raises:
            NotSound: It ends with another code than 0, or says anything of trouble.
        """
        done = subprocess.run(
            [*self.before, str(self.program), *arguments],
            cwd=self.home,
            env=environment(self.home),
            capture_output=True,
            encoding="utf-8",
            timeout=ALL_IN_S,
            check=False,
        )
        if done.returncode:
            raise NotSound(f"{arguments} ended with {done.returncode}: {done.stdout}{done.stderr}")
        if said := [line for line in done.stderr.splitlines() if re.search(r"(?i)warn|error|fail", line)]:
            raise NotSound(f"{arguments} said: {said}")
        return done.stdout


def environment(home: Path, platform: str = sys.platform) -> dict[str, str]:
    """Return the least environment that a system gives."""
    kept = ("SYSTEMROOT", "WINDIR", "TEMP")  # without them nothing starts on Windows
    told = {"HOME": str(home), "USERPROFILE": str(home), "LANG": "C.UTF-8", "PATH": ""}
    if platform == "win32":  # where a home is what the system knows of its user, whatever a variable says
        told["UNDERTEXT_HOME"] = str(home / "kept by Undertext")
    return told | {name: os.environ[name] for name in kept if name in os.environ}


def isolation(program: Path) -> list[str]:
    """Return what runs a command without network and with a read-only program; nothing where it cannot be had."""
    unshare, shell, mount = map(shutil.which, ("unshare", "sh", "mount"))  # by their places: there is no path inside
    if not (sys.platform.startswith("linux") and unshare and shell and mount):
        return []
    bound = f'{mount} --bind "$0" "$0" && {mount} -o remount,bind,ro "$0" && exec "$@"'
    before = [unshare, "--map-root-user", "--net", "--mount", shell, "-c", bound, str(program.parent)]
    works = subprocess.run([*before, shell, "-c", ":"], capture_output=True, check=False).returncode == 0
    return before if works else []


def checks(stranger: Stranger) -> Iterator[str]:
    """Run everything; yield what was found to be right."""
    yield stranger.run("--version").strip()
    yield from _captions(stranger)
    yield from _recording(stranger)
    yield from _picture(stranger)
    yield from _on_the_desktop(stranger)
    yield from _kept(stranger)


def _captions(stranger: Stranger) -> Iterator[str]:
    log = stranger.home / "events.jsonl"
    words = ("caption", "demo", "--pace", "fast", "--events", str(log), "--save", str(stranger.home / "kept"))
    text = stranger.run(*words, *stranger.chosen)
    events = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    ready = [event for event in events if event["type"] == "state" and event["state"] == "listening"]
    if not ready:
        raise NotSound("it never said that it was ready")
    yield f"ready {ready[0]['at_s']:.2f} s after it was asked"
    yield f"captions are right in {_right(text):.0%} of the words"


def _recording(stranger: Stranger) -> Iterator[str]:
    clip = stranger.home / "a clip ü.ogg"
    shutil.copyfile(DEMO.with_suffix(".ogg"), clip)
    stranger.run("transcribe", str(clip), *stranger.chosen)
    text = clip.with_suffix(".txt").read_text(encoding="utf-8")
    yield f"a recording is right in {_right(text):.0%} of the words"


def heard(text: str) -> float:
    """Return the share of the clip's words that a text has in their order."""
    lines = DEMO.read_text(encoding="utf-8").splitlines()
    said = _words(" ".join(line.partition(": ")[2] for line in lines))
    same = difflib.SequenceMatcher(None, said, _words(text), autojunk=False).get_matching_blocks()
    return sum(block.size for block in same) / len(said)


def _right(text: str) -> float:
    share = heard(text)
    if share < ALIKE:
        raise NotSound(f"only {share:.0%} of the clip's words are in {text!r}")
    return share


def _words(text: str) -> list[str]:
    return re.findall(r"[\w']+", text.lower())


def _picture(stranger: Stranger) -> Iterator[str]:
    """Without a screen and a command it captions the clip at its own pace, and paints what the overlay would show."""
    if not sys.platform.startswith("linux") or stranger.chosen:
        yield "not looked at: the picture of the overlay (it wants Linux, and a model inside)"
        return
    stranger.run()
    picture = stranger.home / "undertext-overlay.png"
    if picture.read_bytes()[:4] != b"\x89PNG":
        raise NotSound("the picture of the overlay is none")
    yield f"a picture of the overlay, {picture.stat().st_size} bytes"


def _on_the_desktop(stranger: Stranger) -> Iterator[str]:
    """Try the other program of Windows, which has no terminal, as far as that can be done without its window."""
    window = stranger.program.with_suffix(".exe")
    if stranger.program.suffix == ".com":
        replace(stranger, program=window).run("transcribe", str(stranger.home / "a clip ü.ogg"), *stranger.chosen)
        yield f"a recording, by {window.name} too"


def _kept(stranger: Stranger) -> Iterator[str]:
    if not list((stranger.home / "kept").rglob("*.jsonl")):
        raise NotSound("no transcript was kept")
    logs = list(stranger.home.rglob("undertext.log"))
    if not logs:
        raise NotSound("there is no log in the home")
    for log in logs:
        if found := [line for line in log.read_text(encoding="utf-8").splitlines() if _TROUBLE.search(line)]:
            raise NotSound(f"the log has: {found}")
    yield "a transcript, and a log without a warning, in the home"


@contextmanager
def stranger(program: Path, model: Path | None) -> Iterator[Stranger]:
    """Yield a runner with a new home, which is deleted afterwards."""
    with tempfile.TemporaryDirectory(prefix="Ünder tëxt 字幕 ") as folder:
        one = Stranger(program, Path(folder), isolation(program))
        if model is not None:
            one.chosen = ["--model", str(shutil.copytree(model, one.home / "a model"))]
        yield one


def main() -> int:
    """Check a program; return 0 when everything is right."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program", type=Path, help="the frozen program")
    parser.add_argument("--model", type=Path, help="the folder of a model, where none comes with the program")
    options = parser.parse_args()
    with stranger(options.program.resolve(), options.model) as one:
        print("no network, read-only program" if one.before else "NOT isolated: network and program as they are")
        try:
            for right in checks(one):
                print(f"ok: {right}", flush=True)
        except (NotSound, OSError, subprocess.TimeoutExpired) as wrong:
            print(f"WRONG: {wrong}")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
