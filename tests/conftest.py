"""What tests of several rooms need."""

import tempfile

import pytest

from tests.sound_server import PROGRAMS, SoundServer, missing


def pytest_collection_modifyitems(items):
    """Let the files that take long begin first, so that at the end no worker waits for another."""
    long = {item.path for item in items if item.get_closest_marker("long")}
    items.sort(key=lambda item: item.path not in long)


@pytest.fixture(params=sorted(PROGRAMS))
def sound_server(request):
    """A sound server of the test's own, of each kind; this process is pointed to it."""
    if lacking := missing(request.param):
        pytest.skip(f"{lacking} is not installed")
    with tempfile.TemporaryDirectory(prefix="sound-") as folder, SoundServer(request.param, folder) as server:
        yield server
