"""The running session in a card: its state, how far behind it is, how loud it is, and its buttons."""

from collections import deque
from collections.abc import Callable

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QVBoxLayout

from desktop import texts
from desktop.texts import tr
from desktop.windows.widgets import Button, LevelMeter, Paragraph, label
from engine.records import Level, State, StateChange, Stats

_PULL_MS = 100
_DELAY_PULLS = 20  # the delay that is told is the longest of two seconds: it swings with every update
_STATES = {
    State.IDLE: texts.STATE_IDLE,
    State.LOADING: texts.STATE_LOADING,
    State.LISTENING: texts.STATE_LISTENING,
    State.PAUSED: texts.STATE_PAUSED,
    State.RECOVERING: texts.STATE_RECOVERING,
    State.STOPPING: texts.STATE_STOPPING,
    State.FAILED: texts.STATE_FAILED,
}
_LEVELS = {
    Level.GREEDY: texts.LEVEL_GREEDY,
    Level.SLOWER: texts.LEVEL_SLOWER,
    Level.LIGHTER: texts.LEVEL_LIGHTER,
}
RESTING = frozenset({State.IDLE, State.FAILED})
RUNNING = frozenset({State.LISTENING, State.RECOVERING, State.PAUSED})


class SessionPanel(QFrame):
    """State line, level meter and buttons.

    Signals:
        start_wanted, pause_wanted, resume_wanted, stop_wanted: A button was pressed.

    Args:
        stats: The session's newest snapshot; pulled ten times a second while sound is heard, else never.

    Thread: GUI.
    """

    start_wanted = Signal()
    pause_wanted = Signal()
    resume_wanted = Signal()
    stop_wanted = Signal()

    def __init__(self, stats: Callable[[], Stats]) -> None:
        super().__init__()
        self.setProperty("role", "card")
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self._stats = stats
        self._lags: deque[float] = deque(maxlen=_DELAY_PULLS)
        self._state = State.IDLE
        self._keeps_focus = True
        self._is_starting = False
        self._state_line, self._delay = label(role="state"), label(role="dim")
        self._slow = Paragraph("", "dim")
        self._slow.hide()
        self._meter = LevelMeter()
        self._start = Button(tr(texts.START), "primary", "play")
        self._pause, self._stop = Button(tr(texts.PAUSE)), Button(tr(texts.STOP), picture="stop")
        self._pull = QTimer(self, interval=_PULL_MS)
        self._pull.timeout.connect(self._on_pull)
        self._start.clicked.connect(self.start_wanted)
        self._pause.clicked.connect(self._on_pause)
        self._stop.clicked.connect(self.stop_wanted)
        self._lay_out()
        self.show_state(StateChange(State.IDLE))

    @property
    def buttons(self) -> tuple[QPushButton, ...]:
        """Start, pause, stop: in the order of the eye."""
        return (self._start, self._pause, self._stop)

    @property
    def state_text(self) -> str:
        """The state line as it reads."""
        return " · ".join(filter(None, (self._state_line.text(), self._delay.text(), self._slow.text())))

    def show_state(self, change: StateChange) -> None:
        """Show what the session is doing, and offer what can be done: Start is heeded while the model is loaded."""
        self._keeps_focus |= self.window().focusWidget() in self.buttons
        self._state = state = change.state
        self._state_line.setText(tr(_STATES[state]))
        self._delay.setText("")
        self._start.setVisible(state not in RUNNING and state is not State.STOPPING)
        self._start.setEnabled(state in RESTING or (state is State.LOADING and not self._is_starting))
        for running in (self._pause, self._stop):
            running.setVisible(not self._start.isVisibleTo(self))
            running.setEnabled(state in RUNNING)
        self._pause.setText(tr(texts.RESUME if state is State.PAUSED else texts.PAUSE))
        self._pause.show_picture("play" if state is State.PAUSED else "pause")
        self._keep_focus()
        self._follow(is_heard=state in {State.LISTENING, State.RECOVERING})

    def show_starting(self, *, is_starting: bool) -> None:
        """Take no other Start while the model is loaded for one."""
        self._is_starting = is_starting
        self.show_state(StateChange(self._state))

    def _keep_focus(self) -> None:
        """Hand the keyboard from a button that went to the one that came in its place.

        Until there is one the card has it itself: Qt would give it to the button of the models, and whoever presses the
        space bar while the model is loaded would open a menu.
        """
        usable = [each for each in self.buttons if each.isVisibleTo(self) and each.isEnabled()]
        if self._keeps_focus and usable:
            usable[0].setFocus()
            self._keeps_focus = not self.isVisible()
        elif self._keeps_focus:
            self.setFocus()

    def _follow(self, *, is_heard: bool) -> None:
        if is_heard:
            self._pull.start()
        else:
            self._pull.stop()
            self._lags.clear()
            self._slow.write("")
            self._meter.show_level(float("-inf"))

    def _lay_out(self) -> None:
        top = QHBoxLayout()
        top.addWidget(self._state_line, 1)
        top.addWidget(self._delay)
        buttons = QHBoxLayout()
        buttons.setSpacing(10)
        for each in self.buttons:
            each.setMinimumHeight(42)
            buttons.addWidget(each, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(18, 16, 18, 18)
        layout.setSpacing(14)
        layout.addLayout(top)
        layout.addWidget(self._slow)
        layout.addWidget(self._meter)
        layout.addLayout(buttons)

    def _on_pause(self) -> None:
        (self.resume_wanted if self._state is State.PAUSED else self.pause_wanted).emit()

    def _on_pull(self) -> None:
        stats = self._stats()
        self._meter.show_level(stats.level_db)
        self._lags.append(stats.lag_s)
        self._delay.setText(tr(texts.BEHIND, lag_s=max(self._lags)) if self._state is State.LISTENING else "")
        if (sentence := _slowness(stats)) != self._slow.text():
            self._slow.write(sentence)


def _slowness(stats: Stats) -> str:
    """Return what is given up so that captions come and keep up, for a person; nothing where nothing is."""
    said = [tr(texts.FALLBACK, fallback=stats.fallback)] if stats.fallback else []
    if stats.level is not Level.NORMAL:
        said.append(tr(_LEVELS[stats.level]))
        if stats.skipped_s >= 1:
            said.append(tr(texts.LEVEL_SKIPPED, skipped_s=stats.skipped_s))
    return " ".join(said)
