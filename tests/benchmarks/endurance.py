"""What captions cost, and how late they are, over minutes: `undertext caption` at real pace on looped speech.

    .venv/bin/python -m tests.benchmarks.endurance --model tiny.en --audio ../shared/audio/long --minutes 10

The sound is every recording of a folder, one after another, over and over; the demo clip where none is named. CPU and
memory are the child's, sampled once a second from the moment it listens. A word's delay is the time from its end in
the sound to the event that commits it.
"""

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil

from desktop.assets import DEMO_CLIP
from tests.program import is_listening, read_events

MB = 2**20
SOUND = {".flac", ".mp3", ".ogg", ".opus", ".wav"}


def looped(audio, minutes, folder):
    """Write a file of so many minutes of speech."""
    paths = sorted(path.resolve() for path in audio.iterdir() if path.suffix in SOUND) if audio else [DEMO_CLIP]
    inputs = [part for path in paths for part in ("-i", str(path))]
    join = "".join(f"[{i}:a]aresample=16000,aformat=channel_layouts=mono[a{i}];" for i in range(len(paths)))
    join += "".join(f"[a{i}]" for i in range(len(paths))) + f"concat=n={len(paths)}:v=0:a=1"
    once, clip = folder / "once.flac", folder / "looped.flac"
    subprocess.run(["ffmpeg", "-v", "error", *inputs, "-filter_complex", join, once], check=True)
    length = ["-t", str(minutes * 60)]
    subprocess.run(["ffmpeg", "-v", "error", "-stream_loop", "-1", "-i", once, *length, clip], check=True)
    return clip


def watch(command, events):
    """Run a command; return the share of one core and the memory of each second in which it listened."""
    shares, memory = [], []
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as child:
        process = psutil.Process(child.pid)
        while child.poll() is None and not any(map(is_listening, read_events(events))):
            time.sleep(0.1)
        process.cpu_percent()
        while child.poll() is None:
            time.sleep(1)
            try:
                shares.append(process.cpu_percent())
                memory.append(process.memory_info().rss / MB)
            except psutil.NoSuchProcess:
                break
    if child.returncode:
        sys.exit(f"the program ended with {child.returncode}")
    return shares[:-1], [size for size in memory if size]


def delays(events):
    """Return the moment and the delay of every word, in seconds since the sound began."""
    began = next(filter(is_listening, events))["at_s"]
    captions = [event for event in events if event["type"] == "caption"]
    ends = [(caption["at_s"] - began, word["end_s"]) for caption in captions for word in caption["words"]]
    return np.array([(at_s, at_s - end_s) for at_s, end_s in ends])


def quantiles(values):
    """Return the median and the 95th percentile, for reading."""
    return "p50 {:.2f} s, p95 {:.2f} s".format(*np.percentile(values, (50, 95))) if len(values) else "none"


def report(name, minutes, shares, memory, events):
    """Print what was measured."""
    stats = [event for event in events if event["type"] == "stats"]
    words, length_s = delays(events), minutes * 60
    moments = words[:, 0] if len(words) else np.array([])
    heard_s = events[-1]["audio_s"]
    print(f"{name}, {heard_s:.0f} s of speech at real pace, on {machine()}, load {os.getloadavg()[0]:.1f} at the end")
    print(f"CPU of one core   median {np.median(shares):.0f} %, mean {np.mean(shares):.0f} %")
    start, end = np.median(memory[:10]), np.median(memory[-10:])
    print(f"memory            {start:.0f} MB at the start, {end:.0f} MB at the end, {max(memory):.0f} MB at most")
    print(f"updates           {stats[-1]['updates'] / heard_s:.2f} a second")
    for label, third in (("first third:", moments < length_s / 3), ("last third:", moments >= length_s * 2 / 3)):
        print(f"delay, {label:<12}{quantiles(words[third, 1]) if len(words) else 'none'} of {third.sum()} words")
    for part in np.array_split(np.array([event["lag_s"] for event in stats]), min(10, len(stats))):
        print(f"lag               median {np.median(part):.2f} s, most {part.max():.2f} s")


def machine():
    """Return the processor's name and how many there are."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{os.cpu_count()} × {names[0] if names else platform.processor() or platform.machine()}"


def main():
    """Measure one model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="tiny.en")
    parser.add_argument("--audio", type=Path, help="a folder of recordings")
    parser.add_argument("--minutes", type=float, default=10)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        events, clip = folder / "events.jsonl", looped(options.audio, options.minutes, folder)
        program = [Path(sys.executable).with_name("undertext"), "caption", clip, "--model", options.model]
        shares, memory = watch([*program, "--events", events], events)
        report(options.model, options.minutes, shares, memory, read_events(events))


if __name__ == "__main__":
    main()
