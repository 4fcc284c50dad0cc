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
