"""What capturing loses, how late it is, and how fast it recovers, on a sound server of its own.

    python -m tests.benchmarks.capture [--server pulseaudio|pipewire] [--play-s 120] [--repeat 20]

Lost samples: noise is played, captured from the monitor, and compared sample by sample. Latency: from when a click is
handed to the player until it is read; the player's own share is in it. Recovery: from when a device exists (again)
until sound is read; the error is that of media time against the clock.
"""

import argparse
import platform
import subprocess
import tempfile
import time

import numpy as np

from desktop.capture.devices import open_source
from desktop.capture.hosts import boot_clock
from engine.records import AudioBlock, Interruption
from tests.listener import Listener, is_heard, is_told, sound, where
from tests.sound_server import SoundServer

RATE = 48_000


def started(spec):
    """Return a listener to whom sound comes."""
    source = open_source(spec)
    source.open()
    listener = Listener(source)
    listener.hear(is_heard, "sound")
    return listener


def lost_samples(server, play_s):
    """Return how many frames were played, lost, and inserted, and how many interruptions were told."""
    played = np.repeat(np.random.default_rng(3).uniform(-0.4, 0.4, (play_s * RATE, 1)), 2, axis=1).astype(np.float32)
    listener = started("system")
    with server.playing(played, latency_ms=2_000) as player:
        listener.hear(lambda _: player.poll() is not None, "the end", play_s + 30)
    listener.hear_for(1.0)
    listener.source.close()
    return len(played), *compared(played[:, 0], sound(listener.items)[:, 0]), len(listener.said(listener.items))


def compared(played, heard, piece=RATE // 10):
    """Return how many frames were lost, and how many came in between (the player's underruns among them)."""
    place = where(played[:RATE], heard)
    lost = inserted = 0
    for start in range(0, len(played) - piece + 1, piece):
        wanted = played[start : start + piece]
        here = heard[start + place : start + place + piece]
        if len(here) == piece and np.abs(here - wanted).max() < 1e-3:
            continue
        left = max(0, start + place - RATE)
        moved = left + where(wanted, heard[left : start + place + 3 * RATE]) - start - place
        lost, inserted, place = lost + max(0, -moved), inserted + max(0, moved), place + moved
    return lost, inserted


def latencies_ms(server, clicks=60):
    """Return the time from writing a click to reading it, for each."""
    listener = started("system")
    command = ["pacat", "--playback", "--raw", "--format=float32le", f"--rate={RATE}", "--channels=2", "--device=spk"]
    player = subprocess.Popen(
        [*command, "--latency-msec=10", "--process-time-msec=5"], stdin=subprocess.PIPE, bufsize=0
    )
    quiet = np.zeros((RATE // 100, 2), np.float32)
    click = np.full_like(quiet, 0.9)
    sent, heard, loud, due = [], [], False, time.monotonic()
    for step in range(clicks * 20 + 150):  # a click every 200 ms, fed in 10 ms pieces, with silence before and after
        is_click = step % 20 == 19 and 100 <= step < clicks * 20 + 100
        if is_click:
            sent.append(time.monotonic())
        player.stdin.write((click if is_click else quiet).tobytes())
        due += 0.01
        while (left := due - time.monotonic()) > 0:
            for item in listener.source.read(left):
                if isinstance(item, AudioBlock):
                    was_loud, loud = loud, bool(item.frames.max() > 0.5)
                    heard += [time.monotonic()] if loud and not was_loud else []
    player.kill()
    player.wait()
    listener.source.close()
    firsts = {max(here for here in sent if here <= there): there for there in reversed(heard)}  # the player may stumble
    return [(there - here) * 1000 for here, there in firsts.items()]


def remove(server, turn):
    """R5: the captured output goes, and comes back."""
    del turn
    server.pactl("unload-module", server.module_of("spk"))
    return lambda: server.add_sink("spk")


def switch(server, turn):
    """R6: another output becomes the default."""
    return lambda: server.pactl("set-default-sink", "spk2" if turn % 2 == 0 else "spk")


def restart(server, turn):
    """R8: the server is killed, and started again."""
    del turn
    server.kill()
    return server.start


def stalls(server, repeat):
    """Return for each stop of 4 s when it was told, when sound came again, and the error of media time (R7)."""
    listener = started("system")
    found = []
    for _ in range(repeat):
        lag_s = listener.lag_s()
        server.freeze()
        at = boot_clock()
        listener.hear(is_told(healthy=False), "the stall")
        told_s = boot_clock() - at
        listener.hear_for(4.0 - told_s)
        server.thaw()
        at = boot_clock()
        listener.hear(is_told(healthy=True), "the end of it")
        back_s = boot_clock() - at
        listener.hear_for(1.0)
        found.append((told_s, back_s, abs(listener.lag_s() - lag_s)))
    listener.source.close()
    return np.array(found)


def recoveries(server, fault, spec, repeat):
    """Return for each fault the seconds to recover, the error of media time, and the gap that was told."""
    listener = started(spec)
    found = []
    for turn in range(repeat):
        lag_s = listener.lag_s()
        mend = fault(server, turn)
        if fault is not switch:
            listener.hear(is_told(healthy=False), "the loss")
        mend()
        at = boot_clock()
        back = listener.hear(is_told(healthy=True), "the return")
        took_s = boot_clock() - at
        gap_s = sum(item.duration_s for item in back if isinstance(item, Interruption))
        found.append((took_s, abs(listener.lag_s() - lag_s), gap_s))
    listener.source.close()
    return np.array(found)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--server", choices=("pulseaudio", "pipewire"), default="pulseaudio")
    parser.add_argument("--play-s", type=int, default=120)
    parser.add_argument("--repeat", type=int, default=20)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sound-") as folder, SoundServer(options.server, folder) as server:
        print(f"{options.server}, {platform.processor() or platform.machine()}")
        played, lost, inserted, said = lost_samples(server, options.play_s)
        print(
            f"{played} frames played in {options.play_s} s: {lost} lost, {inserted} inserted, {said} interruptions told"
        )
        ms = latencies_ms(server)
        p50, p90 = np.percentile(ms, [50, 90])
        print(f"{len(ms)} clicks, player to reader: p50 {p50:.0f} ms, p90 {p90:.0f} ms")
        told, back, error = stalls(server, max(1, options.repeat // 2)).T
        print(
            f"R7 server stopped 4 s, {len(told)} times: told after {told.max():.2f} s, back after {back.max():.2f} s, "
            f"time error {error.max() * 1000:.0f} ms (the worst of each)"
        )
        print("fault                     n   back p50    max   time error p50    max   gap told p50")
        for name, fault, spec in (
            ("R5 device removed", remove, "system:spk"),
            ("R6 default changed", switch, "system"),
            ("R8 server killed", restart, "system"),
        ):
            took, error, gap = recoveries(server, fault, spec, options.repeat).T
            print(
                f"{name:22}{len(took):5}{np.median(took):9.3f} s{took.max():7.3f}{np.median(error) * 1000:12.0f} ms"
                f"{error.max() * 1000:7.0f}{np.median(gap):12.3f} s"
            )


if __name__ == "__main__":
    main()
