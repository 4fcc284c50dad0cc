import hashlib
import subprocess
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.errors import DownloadFailed, ModelCorrupt
from engine.models.download import Patience, fetch, get
from engine.models.pins import Pin
from tests.engine.models.hub import Fault, serving

CONTENT = bytes(range(256)) * 4096  # 1 MiB
PIN = Pin("model.bin", len(CONTENT), hashlib.sha256(CONTENT).hexdigest())
SOON = Patience(timeout_s=0.3, window_s=0.2, least_bytes=1000, tries=3, pause_s=0.0)
PATH = "/model.bin"


@pytest.fixture
def hub():
    with serving() as hub:
        hub.files[PATH] = CONTENT
        yield hub


@pytest.fixture
def target(tmp_path):
    return tmp_path / "model.bin"


def bring(hub, target, pin=PIN, patience=SOON, progress=lambda *_: None):
    return fetch(hub.url + PATH, pin, target, progress, patience)


def test_a_whole_file_arrives_with_its_checksum(hub, target):
    steps = []
    found = bring(hub, target, progress=lambda *step: steps.append(step))
    assert found.sha256 == PIN.sha256
    assert target.read_bytes() == CONTENT
    assert steps[-1] == ("model.bin", len(CONTENT), len(CONTENT))


@pytest.mark.parametrize("offset", [round(i * (len(CONTENT) - 1) / 24) for i in range(25)])
def test_a_cut_anywhere_is_mended_without_fetching_anything_twice(hub, target, offset):
    hub.faults = [Fault("cut", offset)]
    bring(hub, target)
    assert target.read_bytes() == CONTENT
    assert hub.sent == len(CONTENT)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.one_of(
            st.builds(Fault, st.just("cut"), st.integers(0, len(CONTENT))),
            st.builds(Fault, st.just("etag"), st.integers(0, 3)),
            st.builds(Fault, st.just("status"), st.sampled_from([500, 502, 503, 429, 416])),
            st.sampled_from([Fault("wrong range", 1), Fault("ignore range"), Fault("other etag"), Fault("no etag")]),
        ),
        max_size=8,
    )
)
def test_whatever_goes_wrong_the_file_is_right_or_refused(hub, tmp_path_factory, faults):
    target = tmp_path_factory.mktemp("any") / "model.bin"
    hub.faults = list(faults)
    try:
        assert bring(hub, target).sha256 == PIN.sha256
    except DownloadFailed:
        assert len([fault for fault in faults if fault.kind != "none"]) >= SOON.tries
    else:
        assert target.read_bytes() == CONTENT


@pytest.mark.parametrize(
    "fault", [Fault("wrong range", 5), Fault("ignore range"), Fault("other etag"), Fault("etag", 2)]
)
def test_an_answer_that_does_not_continue_what_is_there_starts_over(hub, target, fault):
    hub.faults = [Fault("cut", 5000), fault]
    bring(hub, target)
    assert target.read_bytes() == CONTENT


def test_a_server_with_weak_etags_is_asked_for_the_whole_again(hub, target):
    hub.etag = 'W/"weak"'
    hub.faults = [Fault("cut", 5000)]
    bring(hub, target)
    assert [span for _, span in hub.asked] == [None, None]
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_server_in_trouble_is_asked_again_and_then_given_up(hub, target, status):
    hub.faults = [Fault("status", status)] * 2
    bring(hub, target)
    target.unlink()
    hub.faults = [Fault("status", status)] * SOON.tries
    with pytest.raises(DownloadFailed):
        bring(hub, target)


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_refusal_is_not_asked_again(hub, target, status):
    hub.faults = [Fault("status", status)] * 9
    with pytest.raises(DownloadFailed, match=str(status)):
        bring(hub, target)
    assert len(hub.asked) == 1


@pytest.mark.parametrize("kind", ["stall", "trickle"])
def test_a_server_that_sends_next_to_nothing_is_left_and_what_came_is_kept(hub, target, kind):
    hub.faults = [Fault(kind, 5000)] + [Fault("stall", 0)] * SOON.tries
    with pytest.raises(DownloadFailed):
        bring(hub, target)
    assert target.stat().st_size >= 5000
    hub.faults = []
    bring(hub, target)
    assert target.read_bytes() == CONTENT


def test_nobody_listens(target):
    with serving() as hub:
        pass
    with pytest.raises(DownloadFailed, match="cannot be fetched"):
        bring(hub, target)


def test_another_file_of_the_same_size_is_refused_by_name_and_not_kept(hub, target):
    hub.files[PATH] = CONTENT[:-1] + b"!"
    with pytest.raises(ModelCorrupt, match=r"model\.bin"):
        bring(hub, target)
    assert not target.exists()


@pytest.mark.parametrize("other", [CONTENT + b"!", CONTENT[:-1], b""])
def test_a_file_of_another_size_is_refused_before_it_is_fetched(hub, target, other):
    hub.files[PATH] = other
    with pytest.raises(ModelCorrupt, match="size"):
        bring(hub, target)
    assert not target.exists()


def test_a_damaged_beginning_costs_a_second_fetch_but_not_the_model(hub, target):
    hub.faults = [Fault("cut", 9000)] + [Fault("stall", 0)] * SOON.tries
    with pytest.raises(DownloadFailed):
        bring(hub, target)
    target.write_bytes(b"\0" * 9000)
    bring(hub, target)
    assert target.read_bytes() == CONTENT


def test_an_unknown_size_is_taken_from_the_server(hub, target):
    assert bring(hub, target, pin=Pin("model.bin")).sha256 == PIN.sha256


def test_a_whole_file_of_unknown_size_is_not_fetched_again(hub, target):
    bring(hub, target, pin=Pin("model.bin"))
    hub.sent = 0
    assert bring(hub, target, pin=Pin("model.bin")).sha256 == PIN.sha256
    assert hub.sent == 0


def test_more_than_there_is_starts_over(hub, target):
    bring(hub, target, pin=Pin("model.bin"))
    target.write_bytes(CONTENT + b"more")
    assert bring(hub, target, pin=Pin("model.bin")).sha256 == PIN.sha256


def test_a_server_that_tells_no_size_is_refused(hub, target):
    hub.faults = [Fault("no length")]
    with pytest.raises(ModelCorrupt, match="size"):
        bring(hub, target, pin=Pin("model.bin"))


def process(hub, target, before="", **options):
    """Run the same download in a process of its own, which prints how far it is."""
    code = (
        f"import sys; from pathlib import Path; from engine.models.download import *; {before}\n"
        f"fetch({hub.url + PATH!r}, Pin('model.bin', {PIN.bytes}, {PIN.sha256!r}), Path({str(target)!r}),"
        " lambda name, done, total: print(done, flush=True))"
    )
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, **options)


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on the size of files")
def test_a_full_disk_is_told_and_what_fits_is_kept(hub, target):
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (300000, 300000))"
    with process(hub, target, limit, stderr=subprocess.PIPE) as full:
        assert "DownloadFailed" in full.communicate()[1]
    assert target.stat().st_size == 300_000
    bring(hub, target)
    assert target.read_bytes() == CONTENT
    assert hub.asked[-1] == (PATH, "bytes=300000-")


def test_a_progress_that_raises_stops_the_download_and_keeps_what_came(hub, target):
    def stop(name, done, total):
        if done > 100_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bring(hub, target, progress=stop)
    kept = target.stat().st_size
    hub.sent = 0
    bring(hub, target)
    assert hub.sent == len(CONTENT) - kept


def test_a_killed_process_loses_nothing_that_came(hub, target):
    hub.faults = [Fault("stall", 600_000)]
    with process(hub, target) as killed:
        assert any(int(line) == 600_000 for line in killed.stdout)  # reads until all that the hub sent is had
        killed.kill()
    hub.sent = 0
    bring(hub, target)
    assert hub.sent == len(CONTENT) - 600_000
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize("address", ["http://example.org/a", "ftp://127.0.0.1/a", "file:///etc/passwd"])
def test_only_encrypted_addresses_are_asked(hub, target, address):
    with pytest.raises(DownloadFailed, match="not encrypted"):
        fetch(address, PIN, target, lambda *_: None, SOON)
    hub.faults = [Fault("redirect", address)]
    with pytest.raises(DownloadFailed):
        bring(hub, target)
    assert not target.exists()


def test_a_redirect_is_followed_with_its_range(hub, target):
    hub.files["/elsewhere"] = CONTENT
    hub.faults = [Fault("cut", 7000), Fault("redirect", "/elsewhere")]
    bring(hub, target)
    assert hub.asked[-1] == ("/elsewhere", "bytes=7000-")
    assert target.read_bytes() == CONTENT


def test_a_small_answer_can_be_read(hub):
    hub.files["/api"] = b"{}"
    assert get(f"{hub.url}/api") == b"{}"
    with pytest.raises(DownloadFailed):
        get(f"{hub.url}/nothing")
