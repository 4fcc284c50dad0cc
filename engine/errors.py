"""Every error of the engine; a library's exception is translated in the file that owns the library.

    EngineError
    ├── CaptureError        NoInputDevice · DeviceLost · FormatRefused · MediaUnreadable
    ├── ModelError          ModelMissing · ModelCorrupt · ModelTooLarge · DownloadFailed
    ├── DeviceError         CudaUnavailable · OutOfMemory · ClusterUnavailable · WorkerLost ·
    │                       PackRefused
    ├── TranscriptError     JournalCorrupt · DiskFull · SessionUnknown
    ├── AdaptationError
    └── SettingsError

The message is for the log and names things exactly; `hint` tells the person what to do, in one sentence.
An error is never text in a transcript, and overload is a counter, not an error.
"""


class EngineError(Exception):
    """Something went wrong that a person should hear of.

    Args:
        message: What happened, with names and numbers; one sentence without its full stop.
        hint: How to mend it, one sentence; may be empty.
    """

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint

    @property
    def sentence(self) -> str:
        """Message and hint, as one line for a person."""
        return f"{self}. {self.hint}".rstrip()


class CaptureError(EngineError):
    """Sound cannot be had."""


class NoInputDevice(CaptureError):
    """There is no such device, or none at all."""


class DeviceLost(CaptureError):
    """The device went away and did not come back."""


class FormatRefused(CaptureError):
    """The device offers no format that can be read."""


class MediaUnreadable(CaptureError):
    """A media file is missing, broken or without sound."""


class ModelError(EngineError):
    """A model cannot be used."""


class ModelMissing(ModelError):
    """The model is not on this machine, or there is no model of that name."""


class ModelCorrupt(ModelError):
    """A file of the model is not what its publisher published."""


class ModelTooLarge(ModelError):
    """The model does not fit into memory."""


class DownloadFailed(ModelError):
    """The bytes could not be fetched."""


class DeviceError(EngineError):
    """The processor that should compute cannot."""


class CudaUnavailable(DeviceError):
    """No usable NVIDIA GPU."""


class OutOfMemory(DeviceError):
    """The device's memory is exhausted."""


class ClusterUnavailable(DeviceError):
    """There is no such cluster, it has no room, or it went away."""


class WorkerLost(DeviceError):
    """The process that heard a recording ended, and so did the next that tried."""


class PackRefused(DeviceError):
    """A GPU pack is damaged, made for another program, or failed its self-test; or it cannot be kept here."""


class TranscriptError(EngineError):
    """A transcript cannot be read or written."""


class JournalCorrupt(TranscriptError):
    """A journal holds no intact line."""


class DiskFull(TranscriptError):
    """Nothing more can be written; what waits is kept in memory."""


class SessionUnknown(TranscriptError):
    """No session of that name."""


class AdaptationError(EngineError):
    """A model cannot be adapted: nothing to hear, no room, a state that is no use."""


class SettingsError(EngineError):
    """A setting is out of its range."""
