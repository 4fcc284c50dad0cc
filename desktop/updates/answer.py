"""What a publisher answers, read as if anybody could have written it: a version comes out, or one kind of error."""

import json
from typing import Any

from desktop.updates.versions import Version
from engine.errors import EngineError

MAX_BYTES = 1 << 16


class NewestUnknown(EngineError):
    """Nobody could be asked for the newest version, or the answer is none."""


def read(data: bytes) -> Version:
    """Return the version that an answer names.

    Args:
        data: A JSON object with a "version"; what else stands in it is left alone.

    Raises:
        NewestUnknown: It is too large, no such object, or names no version. The error repeats nothing of it.
    """
    try:
        content: Any = json.loads(data) if len(data) <= MAX_BYTES else None
        return Version.parse(content["version"])
    except (LookupError, TypeError, ValueError, RecursionError) as error:
        raise NewestUnknown("what was answered is no version", hint="Try again later.") from error
