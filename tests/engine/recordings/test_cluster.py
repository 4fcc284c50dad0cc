"""Recordings on a real Ray of this machine, with two workers: what one of them dies of costs no other recording."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

import pytest

from engine.errors import ClusterUnavailable, MediaUnreadable, SettingsError, WorkerLost
from engine.recordings.cluster import ALONE, QUIET, Cluster
from engine.recordings.transcriber import Failed, Finished, Job
from engine.recordings.worker import Work
from engine.settings import EngineSettings
from engine.whisper.recognizer import Context
from tests.program import Program, cut_demo, light_model
from tests.sound_server import until

ROOT = Path(__file__).parents[3]
MORTAL = "tests.engine.recordings.mortal:Mortal"
WORK = Work(Path("model"), Context.SHORT, EngineSettings(threads=1), "en")
TOKEN = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "5" * 64}
HEAD = "start --head --block --num-cpus 2 --port 0 --include-dashboard false --object-store-memory 83886080".split()

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed (./run cluster)"),
    pytest.mark.skipif(sys.platform == "win32", reason="it kills as Unix does"),
]


@pytest.fixture(scope="module")
def cluster():
    """The addresses of a cluster of two processors, for those within and those outside; its workers find the tests."""
    places = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    environment = {**os.environ, **QUIET, **ALONE, **TOKEN, "PYTHONPATH": places}
    with (
        pytest.MonkeyPatch.context() as patch,
        tempfile.TemporaryDirectory(prefix="ray-", dir="/tmp", ignore_cleanup_errors=True) as folder,
    ):
        for name, value in {**ALONE, **TOKEN}.items():
            patch.setenv(name, value)
        place, port = Path(folder) / "ray_current_cluster", free_port()
        words = [sys.executable, "-m", "ray.scripts.scripts", *HEAD, "--temp-dir", folder]
        if find_spec("grpc"):
            words += ["--ray-client-server-port", str(port)]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        with subprocess.Popen(words, env=environment, start_new_session=True, **quiet) as head:
            try:
                until(lambda: place.exists() and place.read_text(), "a Ray", 60)
                yield place.read_text().strip(), f"ray://127.0.0.1:{port}"
            finally:
                os.killpg(head.pid, signal.SIGKILL)
                until(lambda: shutil.rmtree(folder, ignore_errors=True) or not Path(folder).exists(), "its end", 30)


@pytest.fixture
def address(cluster):
    return cluster[0]


@pytest.fixture
def address_outside(cluster):
    if not find_spec("grpc"):
        pytest.skip("Ray's client is not installed (./run cluster)")
    return cluster[1]


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@pytest.fixture
def mortals(tmp_path):
    """Have recordings of these names answered for by mortal workers; return what became of each, and its tries."""

    def transcribe(address, names):
        paths = [tmp_path / "recordings" / name for name in names]
        notes = tmp_path / "notes"
        notes.mkdir()
        work = Work(notes, Context.SHORT, EngineSettings(threads=1), "en")
        reports = Cluster(address, work, MORTAL).transcribe(Job(path) for path in paths)
        ends = {report.job.path.name: report for report in reports if isinstance(report, Finished | Failed)}
        return ends, {note.name: len(note.read_text().split()) for note in notes.iterdir()}

    return transcribe


def recordings(folder):
    """Make a folder of three recordings and one that is none, and return it."""
    folder.mkdir()
    for length_s in (2, 4, 7):
        cut_demo(folder / f"{length_s} s.wav", length_s)
    (folder / "bad.wav").write_bytes(b"no sound")
    return folder


def written(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def said(report):
    return bytes.fromhex(report.heard[0].words[0].text)


def test_a_cluster_hears_what_the_machine_itself_hears(tmp_path):
    program = Program(tmp_path)
    clips = recordings(tmp_path / "clips")
    ask = ("transcribe", clips, "--model", light_model(), "--format", "json,srt", "--threads", 1)
    alone = program.run(*ask, "--output", tmp_path / "alone")
    together = program.run(*ask, "--output", tmp_path / "together", "--cluster", "local")
    assert [alone.returncode, together.returncode] == [1, 1], together.stderr
    assert written(tmp_path / "together") == written(tmp_path / "alone") != {}
    for run in (alone, together):
        assert "bad.wav cannot be read" in run.stderr
    assert len(together.stderr.splitlines()) == len(alone.stderr.splitlines())  # Ray says nothing here
    (clips / "bad.wav").unlink()
    again = program.run(*ask, "--output", tmp_path / "together", "--cluster", "local")
    assert (again.returncode, again.stdout, again.stderr.count("is done already")) == (0, "", 3)


def test_a_worker_that_is_killed_costs_no_recording_but_its_own(mortals, address):
    odd = os.fsdecode(b"no utf-8: \xff\n'.wav")
    plain = [f"{number}.wav" for number in range(6)]
    names = [*plain[:3], "once.wav", odd, "broken.wav", "deadly.wav", *plain[3:]]
    ends, tries = mortals(address, names)
    assert sorted(ends) == sorted(names)
    assert tries == {name: 2 if name in {"once.wav", "deadly.wav"} else 1 for name in names}
    for name in (*plain, odd, "once.wav"):
        assert said(ends[name]) == os.fsencode(name)
    assert isinstance(ends["broken.wav"].error, MediaUnreadable)
    assert "is broken. Mend it." in ends["broken.wav"].error.sentence
    assert isinstance(ends["deadly.wav"].error, WorkerLost)
    assert "deadly.wav" in ends["deadly.wav"].error.sentence


def test_a_cluster_is_used_from_outside_it_as_from_within(mortals, address_outside):
    ends, tries = mortals(address_outside, ["1.wav", "broken.wav"])
    assert said(ends["1.wav"]) == b"1.wav"
    assert isinstance(ends["broken.wav"].error, MediaUnreadable)
    assert tries == {"1.wav": 1, "broken.wav": 1}


def test_another_token_is_told(address, monkeypatch):
    monkeypatch.setenv("RAY_AUTH_TOKEN", "6" * 64)
    with pytest.raises(ClusterUnavailable, match="wants a token") as caught:
        list(Cluster(address, WORK).transcribe([Job(Path("a.wav"))]))
    assert "RAY_AUTH_TOKEN" in caught.value.hint


@pytest.mark.parametrize(("wanted", "told"), [({"threads": 64}, "64 processors"), ({"device": "cuda"}, "a GPU")])
def test_more_than_any_machine_has_is_told(address, wanted, told):
    work = Work(Path("model"), Context.SHORT, EngineSettings(**wanted), "en")
    with pytest.raises(ClusterUnavailable, match=f"no machine of .* has .*{told}"):
        list(Cluster(address, work).transcribe([Job(Path("a.wav"))]))


def test_workers_that_cannot_begin_are_told(address):
    with pytest.raises(ClusterUnavailable, match="cannot run our workers") as caught:
        list(Cluster(address, WORK, "no.such.module:Worker").transcribe([Job(Path("a.wav"))]))
    assert "the same Undertext" in caught.value.hint


def test_where_nobody_listens_there_is_no_cluster():
    with pytest.raises(ClusterUnavailable, match=r"127\.0\.0\.1:1") as caught:
        list(Cluster("127.0.0.1:1", WORK).transcribe([Job(Path("a.wav"))]))
    assert "ray start --head" in caught.value.hint


@pytest.mark.parametrize("address", ["", "here", "ray://", "host:", "host:port", "http://host"])
def test_what_is_no_address_is_told(address):
    with pytest.raises(SettingsError, match="no address"):
        Cluster(address, WORK)
