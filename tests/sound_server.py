"""A sound server of the test's own: PulseAudio or PipeWire on a private socket, with no sound card.

It has a speaker (sink `spk`), a second one (`spk2`) and a microphone (source `vmic`: what is played to sink `micnull`).
"""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import numpy as np

SPEAKERS = ("spk", "spk2")
MICROPHONE, INTO_MICROPHONE = "vmic", "micnull"
PROGRAMS = {
    "pulseaudio": ("pulseaudio", "pactl", "pacat"),
    "pipewire": ("pipewire", "wireplumber", "pipewire-pulse", "dbus-daemon", "pactl", "pacat"),
}
# wireplumber waits for logind when it looks for Bluetooth; the other two look for hardware.
WIREPLUMBER = {
    "bluetooth.lua.d/80-off.lua": "bluez_monitor.enabled = false",
    "main.lua.d/80-off.lua": "\n".join(
        f"{monitor}_monitor.enabled = false" for monitor in ("alsa", "libcamera", "v4l2")
    ),
}
# Nothing has real-time priority in a test: with PipeWire's own 21 ms a busy machine makes the server lose a quantum.
PIPEWIRE = {
    "10-unhurried.conf": "context.properties = { default.clock.quantum = 4096 default.clock.min-quantum = 4096 }",
}
ENVIRONMENT = ("PULSE_SERVER", "XDG_RUNTIME_DIR")


def missing(kind):
    """Return the program that this kind of server lacks here, or None."""
    return next((name for name in PROGRAMS[kind] if not shutil.which(name)), None)


def until(condition, what, deadline_s=8.0):
    """Return the first true value of a condition, polled: for what sends no signal."""
    deadline = time.monotonic() + deadline_s
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not happen within {deadline_s:g} s")
        time.sleep(0.02)
    return value


class SoundServer:
    """A server in a folder of its own; `with` starts and stops it, and points this process to it."""

    def __init__(self, kind, folder):
        self.kind = kind
        self.folder = Path(folder)
        self.socket = self.folder / "pulse" / "native"
        self._processes = []
        self._before = {}

    @property
    def env(self):
        """What a client's environment must say."""
        return {"PULSE_SERVER": f"unix:{self.socket}", "XDG_RUNTIME_DIR": str(self.folder)}

    def __enter__(self):
        self._before = {name: os.environ.get(name) for name in ENVIRONMENT}
        os.environ.update(self.env)
        self.start()
        return self

    def __exit__(self, *_):
        self.kill(signal.SIGTERM)
        for name, value in self._before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})

    def start(self):
        """Start it, with its devices."""
        self.folder.joinpath("pulse").mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        getattr(self, f"_start_{self.kind}")()
        until(self._answers, f"{self.kind} answering", 15)
        for sink in SPEAKERS:
            self.add_sink(sink, channels=2)
        self.add_sink(INTO_MICROPHONE, channels=1)
        self.load("module-remap-source", f"source_name={MICROPHONE}", f"master={INTO_MICROPHONE}.monitor", "channels=1")
        until(lambda: MICROPHONE in self.pactl("list", "short", "sources"), "the microphone")
        # PipeWire answers before its session manager can keep what is the default.
        until(lambda: self._does("set-default-sink", "spk"), "choosing the default sink")
        until(lambda: self._does("set-default-source", MICROPHONE), "choosing the default source")
        until(lambda: "Default Source: vmic" in self.pactl("info"), "the default source")
        until(lambda: "Default Sink: spk\n" in self.pactl("info"), "the default sink")

    def kill(self, how=signal.SIGKILL):
        """End it, at once unless told otherwise."""
        for process in reversed(self._processes):
            process.send_signal(how)
            process.send_signal(signal.SIGCONT)
        for process in self._processes:
            process.wait(10)
        self._processes = []
        self.socket.unlink(missing_ok=True)

    def freeze(self):
        """Stop it in its tracks, as when it hangs."""
        for process in self._processes:
            process.send_signal(signal.SIGSTOP)

    def thaw(self):
        """Let it go on."""
        for process in self._processes:
            process.send_signal(signal.SIGCONT)

    def pactl(self, *arguments):
        """Run `pactl` and return what it prints."""
        run = subprocess.run(
            ["pactl", *arguments], capture_output=True, text=True, timeout=10, check=True, env=self._env()
        )
        return run.stdout

    def load(self, *arguments):
        """Load a module and return its number."""
        return self.pactl("load-module", *arguments).strip()

    def add_sink(self, name, *, rate=48_000, channels=2, extra=()):
        """Add a null sink and return its module's number."""
        norewinds = ("norewinds=1",) if self.kind == "pulseaudio" else ()
        module = self.load(
            "module-null-sink", f"sink_name={name}", f"rate={rate}", f"channels={channels}", *norewinds, *extra
        )
        until(lambda: f"\t{name}.monitor\t" in self.pactl("list", "short", "sources"), f"sink {name}")
        return module

    def module_of(self, sink):
        """Return the number of the module that a sink came from."""
        lines = self.pactl("list", "short", "modules").splitlines()
        return next(line.split("\t")[0] for line in lines if f"sink_name={sink} " in line)

    @contextlib.contextmanager
    def playing(self, frames, rate=48_000, sink="spk", latency_ms=200):
        """Play float32 frames [n, channels] to a sink while the block runs; yields the process.

        The player keeps `latency_ms` ahead: with less, a busy machine makes it stumble, which is not our fault.
        """
        raw = self.folder / f"play-{sink}-{time.monotonic_ns()}.f32"
        raw.write_bytes(np.ascontiguousarray(frames, np.float32).tobytes())
        command = [
            "pacat",
            "--playback",
            "--raw",
            "--format=float32le",
            f"--rate={rate}",
            f"--channels={frames.shape[1]}",
        ]
        with raw.open("rb") as sound:
            player = subprocess.Popen(
                [*command, f"--device={sink}", f"--latency-msec={latency_ms}"], stdin=sound, env=self._env()
            )
        try:
            yield player
        finally:
            player.kill()
            player.wait()
            raw.unlink()

    def _answers(self):
        with contextlib.suppress(subprocess.SubprocessError):
            return self.pactl("info")

    def _does(self, *arguments):
        return not subprocess.run(
            ["pactl", *arguments], capture_output=True, timeout=10, check=False, env=self._env()
        ).returncode

    def _env(self):
        home = {
            "HOME": str(self.folder),
            "XDG_CONFIG_HOME": str(self.folder / "config"),
            "XDG_STATE_HOME": str(self.folder / "state"),
        }
        return {**os.environ, **home, **self.env, "DBUS_SESSION_BUS_ADDRESS": f"unix:path={self.folder}/bus"}

    def _launch(self, *command):
        """Start a program that has the processor before others, where that is allowed: a user's server has priority."""
        quiet = subprocess.DEVNULL
        first = ("nice", "-n", "-15", *command)
        self._processes.append(subprocess.Popen(first, env=self._env(), stdin=quiet, stdout=quiet, stderr=quiet))

    def _start_pulseaudio(self):
        native = f"module-native-protocol-unix auth-anonymous=1 socket={self.socket}"
        self._launch("pulseaudio", "-n", "--daemonize=no", "--use-pid-file=no", "--exit-idle-time=-1", "-L", native)

    def _start_pipewire(self):
        for program, files in (("wireplumber", WIREPLUMBER), ("pipewire/pipewire.conf.d", PIPEWIRE)):
            for name, text in files.items():
                path = self.folder / "config" / program / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text + "\n")
        self._launch("dbus-daemon", "--session", "--nofork", "--nopidfile", f"--address=unix:path={self.folder}/bus")
        until((self.folder / "bus").exists, "D-Bus")
        self._launch("pipewire")
        until((self.folder / "pipewire-0").exists, "PipeWire")
        self._launch("wireplumber")
        self._launch("pipewire-pulse")
