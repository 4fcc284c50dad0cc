"""What tests of the engine leave behind."""

import ctypes
import gc
import sys

import pytest


@pytest.fixture(autouse=True, scope="module")
def models_are_forgotten():
    """A worker runs many files: the models that one of them kept by `@cache` would stay to the end."""
    yield
    ours = [module for name, module in sys.modules.items() if name.startswith("tests.")]
    for value in [value for module in ours for value in vars(module).values()]:
        if callable(clear := getattr(value, "cache_clear", None)):
            clear()
    gc.collect()
    if sys.platform == "linux":  # the recogniser has told the allocator to keep what is freed
        ctypes.CDLL(None).malloc_trim(0)
