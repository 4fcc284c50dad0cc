"""Which sound to listen to: what the computer plays, a microphone, or the built-in clip."""

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QSize, Signal
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QComboBox, QSizePolicy

from desktop import texts
from desktop.capture.hosts import Device, Kind
from desktop.texts import tr
from desktop.windows.theme import icon

DEMO = "demo"
_KINDS = {
    Kind.SYSTEM: ("system", "speaker", texts.SYSTEM_DEFAULT, texts.SYSTEM_OF),
    Kind.MICROPHONE: ("mic", "microphone", texts.MICROPHONE_DEFAULT, texts.MICROPHONE_OF),
}


class SourcePicker(QComboBox):
    """The list of sources; each is named as `open_source` understands it, or `demo`.

    Signals:
        chosen: str, by the user.

    Thread: GUI.
    """

    chosen = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName(tr(texts.LISTEN_TO))
        self.setIconSize(QSize(20, 20))
        self.setMinimumContentsLength(12)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._wanted = "system"
        self._devices: Sequence[Device] = ()
        self.activated.connect(self._on_activated)
        self._fill()

    @property
    def spec(self) -> str:
        """The source that is chosen."""
        return str(self.currentData() or self._wanted)

    def choose(self, spec: str) -> None:
        """Choose a source; one that is not there yet is taken as soon as it is."""
        self._wanted = spec
        self._select()

    def show_devices(self, devices: Sequence[Device]) -> None:
        """Show what can be captured now; the choice stays."""
        if list(devices) != list(self._devices):
            self._devices = tuple(devices)
            self._fill()

    def _fill(self) -> None:
        self.clear()
        for kind in (Kind.SYSTEM, Kind.MICROPHONE):
            self._fill_kind(kind, [device for device in self._devices if device.kind is kind])
        self._add("clip", tr(texts.DEMO_CLIP), DEMO)
        self._select()

    def _fill_kind(self, kind: Kind, devices: Sequence[Device]) -> None:
        """Add the default of a kind, and each device where there is a choice."""
        spec, picture, default, each = _KINDS[kind]
        if devices:
            self._add(picture, tr(default), spec)
        for device in devices if len(devices) > 1 else ():
            self._add(picture, tr(each, name=device.name), f"{spec}:{device.id}")

    def _add(self, picture: str, text: str, spec: str) -> None:
        self.addItem(icon(picture, self.palette().color(QPalette.ColorRole.Text)), text, spec)

    def _select(self) -> None:
        for spec in (self._wanted, self._wanted.partition(":")[0], "system", "mic", DEMO):
            if (index := self.findData(spec)) >= 0:
                self.setCurrentIndex(index)
                return

    def _on_activated(self) -> None:
        self._wanted = self.spec
        self.chosen.emit(self._wanted)

    def changeEvent(self, event: QEvent) -> None:
        """Follow the theme."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self._fill()
