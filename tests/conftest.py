"""What tests of several rooms need."""

import tempfile

import pytest

from tests.sound_server import PROGRAMS, SoundServer, missing


@pytest.fixture(params=sorted(PROGRAMS))
def sound_server(request):
    """A sound server of the test's own, of each kind; this process is pointed to it."""
    if lacking := missing(request.param):
        pytest.skip(f"{lacking} is not installed")
    with tempfile.TemporaryDirectory(prefix="sound-") as folder, SoundServer(request.param, folder) as server:
        yield server
