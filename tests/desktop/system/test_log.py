import logging
import os
import stat

import pytest

from desktop.system.log import start_log


@pytest.fixture
def root():
    logger = logging.getLogger()
    handlers, level = list(logger.handlers), logger.level
    yield logger
    for handler in set(logger.handlers) - set(handlers):
        logger.removeHandler(handler)
        handler.close()
    logger.setLevel(level)


def test_the_log_is_for_its_owner_whatever_the_umask(root, tmp_path):
    before = os.umask(0)
    try:
        start_log(tmp_path)
        logging.getLogger("x").info("begun")
    finally:
        os.umask(before)
    path = tmp_path / "undertext.log"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "begun" in path.read_text(encoding="utf-8")


def refuse(_source, _target):
    raise PermissionError("another program has it open")


def test_a_log_that_cannot_turn_over_goes_on(root, tmp_path):
    """As on Windows, while another Undertext writes there too."""
    start_log(tmp_path)
    handler = root.handlers[-1]
    handler.maxBytes, handler.rotator = 100, refuse
    for word in ("first", "second", "third"):
        logging.getLogger("x").info(word * 10)
    text = (tmp_path / "undertext.log").read_text(encoding="utf-8")
    assert all(word in text for word in ("first", "second", "third"))
