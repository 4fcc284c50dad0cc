"""What tests of several rooms need."""

import os
import signal
import tempfile

# Tests share the processor, with each other and with the programs they start. Threads of torch that wait for each other
# burn what they wait for: a start of the GPU engine, rehearsed beside other work, took 34 s of it, and 6 so. Torch
# heeds MKL's variable; OpenMP's would change what CTranslate2 computes, which is to be as users have it.
os.environ.setdefault("MKL_NUM_THREADS", "1")

# A shell lets what it starts behind itself ignore SIGINT, and so would every program that a test starts and interrupts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

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
