"""Where Undertext keeps what it keeps: one folder, named by the system's custom or by UNDERTEXT_HOME.

    models/          downloaded and prepared models (see `engine.models.store`)
    transcripts/     the journals, and their sound where it is kept
    recordings/      what is finished of whole recordings (see `engine.recordings.ledger`)
    adaptations/     what adaptations hear, and how far they are (see `engine.adapt`)
    gpu/             the GPU pack of a packaged program (see `engine.pack`)
    logs/
    settings.json

The folders are created when they are asked for, and only their owner may enter them, whatever the umask.
"""

import os
from pathlib import Path

import platformdirs

from engine.errors import SettingsError

_VARIABLE = "UNDERTEXT_HOME"


def home() -> Path:
    """Return the folder of everything.

    Raises:
        SettingsError: It cannot be created.
    """
    named = os.environ.get(_VARIABLE)
    path = Path(named).expanduser() if named else platformdirs.user_data_path("undertext", appauthor=False)
    # A folder that the person has chosen and that is there keeps the rights they gave it.
    return path.absolute() if path.is_dir() else _private(path.absolute())


def models() -> Path:
    """Return the folder of the model store; raises as `home`."""
    return _private(home() / "models")


def transcripts() -> Path:
    """Return the folder of the journals; raises as `home`."""
    return _private(home() / "transcripts")


def recordings() -> Path:
    """Return the folder of what is known of recordings on their way; raises as `home`."""
    return _private(home() / "recordings")


def adaptations() -> Path:
    """Return the folder of what adaptations hear and how far they are; raises as `home`."""
    return _private(home() / "adaptations")


def gpu_pack() -> Path:
    """Return the place of the GPU pack, a folder that need not exist; raises as `home`."""
    return _private(home() / "gpu") / "pack"


def logs() -> Path:
    """Return the folder of the logs; raises as `home`."""
    return _private(home() / "logs")


def settings_file() -> Path:
    """Return the file of the settings, which need not exist; raises as `home`."""
    return home() / "settings.json"


def _private(path: Path) -> Path:
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.chmod(0o700)
    except OSError as error:
        raise SettingsError(
            f"the folder {path} cannot be used: {error.strerror or error}",
            hint=f"Let the environment variable {_VARIABLE} name a folder that you may write to.",
        ) from error
    return path
