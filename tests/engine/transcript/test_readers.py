"""Nasty texts, exported and read back by readers that are not ours."""

import json
import queue
import re
import shutil
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import srt

from engine.transcript.cues import cues
from engine.transcript.export import export
from engine.transcript.records import Header, MissedSpan, Note, Segment, Transcript
from tests.engine.transcript.nasty import TEXTS
from tests.engine.transcript.said import ID, NOW

LANGUAGES = {"これ": "ja", "中文": "zh", "ภาษ": "th"}

PAGE = """<!doctype html><meta charset="utf-8"><video><track default src="/cues.vtt"></video><script>
const element = document.querySelector("track")
const send = (body) => fetch("/read", {method: "POST", body: JSON.stringify(body)})
element.onload = () => send([...element.track.cues].map(
    (cue) => [Math.round(cue.startTime * 1000), Math.round(cue.endTime * 1000), cue.getCueAsHTML().textContent]))
element.onerror = () => send("the track could not be loaded")
element.track.mode = "showing"
</script>"""

NODE = """
const {WebVTTParser} = require("webvtt-parser")
const entities = require("webvtt-parser/html-entities.json")
const text = (node) => node.type === "text" ? node.value : (node.children || []).map(text).join("")
const {cues, errors} = new WebVTTParser(entities).parse(require("fs").readFileSync(0, "utf8"), "captions")
console.log(JSON.stringify([errors, cues.map((cue) => [
    Math.round(cue.startTime * 1000), Math.round(cue.endTime * 1000), text(cue.tree)])]))
"""


@pytest.fixture(scope="module")
def transcript():
    """Every text a minute after the one before, and some beyond a hundred and a thousand hours."""
    hours = [*(number * 60_000 for number in range(len(TEXTS))), 100 * 3_600_000, 1000 * 3_600_000]
    segments = [
        Segment(number, start, start + 20 * len(text), text, LANGUAGES.get(text[:2], "en"), final=True)
        for number, (start, text) in enumerate(zip(hours, [*TEXTS, "late", "later"], strict=True))
    ]
    gaps = (MissedSpan(50_000, 55_000, "NOTE --> a\n\n<gap>"),)
    return Transcript(Header(ID, "", NOW, "", ""), tuple(segments), gaps, (Note(56_000, "note\n\n--> & it"),))


@pytest.fixture(scope="module")
def shown(transcript):
    """What every reader must find."""
    return [(cue.start_ms, cue.end_ms, cue.text) for cue in cues(transcript.segments)]


def as_srt(shown):
    return [(start, end, text.replace("-->", "→")) for start, end, text in shown]


def test_srt_is_read_by_srt(transcript, shown):
    found = srt.parse(export(transcript, "srt"))
    milliseconds = [(cue.start.total_seconds() * 1000, cue.end.total_seconds() * 1000, cue) for cue in found]
    read = [(round(start), round(end), cue.content.replace("\u2060", "")) for start, end, cue in milliseconds]
    assert read == as_srt(shown)


@pytest.mark.skipif(not shutil.which("ffmpeg"), reason="needs ffmpeg")
def test_srt_is_read_by_ffmpeg(transcript, shown, tmp_path):
    (tmp_path / "in.srt").write_text(export(transcript, "srt"), encoding="utf-8")
    # Its WebVTT writer escapes nothing, so what comes out is what was understood.
    command = ["ffmpeg", "-v", "error", "-i", tmp_path / "in.srt", "-f", "webvtt", "-"]
    out = subprocess.run(command, capture_output=True, check=True).stdout.decode()
    stamp = re.compile(r"(?:\A|\n\n)((?:\d+:)?\d\d:\d\d\.\d{3}) --> ((?:\d+:)?\d\d:\d\d\.\d{3})\n")
    fields = stamp.split(out.removeprefix("WEBVTT"))[1:]
    read = [
        (in_ms(start), in_ms(end), text.strip("\n").replace("\u2060", ""))
        for start, end, text in zip(fields[::3], fields[1::3], fields[2::3], strict=True)
    ]
    assert read == as_srt(shown)


def in_ms(stamp):
    *hours, minutes, seconds = stamp.split(":")
    return (int("".join(hours) or 0) * 60 + int(minutes)) * 60_000 + round(float(seconds) * 1000)


def test_webvtt_is_read_by_chromium(transcript, shown, tmp_path):
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("needs chromium")
    assert read_by_browser(browser, export(transcript, "vtt"), tmp_path) == [list(cue) for cue in shown]


def read_by_browser(browser, vtt, profile):
    answers = queue.Queue()

    class Site(BaseHTTPRequestHandler):
        def do_GET(self):
            kind, body = ("text/vtt", vtt) if self.path == "/cues.vtt" else ("text/html", PAGE)
            self.send_response(200)
            self.send_header("Content-Type", f"{kind}; charset=utf-8")
            self.end_headers()
            self.wfile.write(body.encode())

        def do_POST(self):
            answers.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *args):
            pass

    flags = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    flags += f" --disable-component-update --disable-sync --user-data-dir={profile}"
    with ThreadingHTTPServer(("127.0.0.1", 0), Site) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/"
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        with subprocess.Popen([browser, *flags.split(), address], **quiet) as process:
            try:
                return answers.get(timeout=60)
            finally:
                process.terminate()
                server.shutdown()


def test_webvtt_is_read_by_the_parser_of_the_standard(transcript, shown):
    node = shutil.which("node")
    if (
        node is None
        or subprocess.run([node, "-e", 'require("webvtt-parser")'], capture_output=True, check=False).returncode
    ):
        pytest.skip("needs node and the npm package webvtt-parser, found from here or by NODE_PATH")
    vtt = export(transcript, "vtt")
    out = subprocess.run([node, "-e", NODE], input=vtt.encode(), capture_output=True, check=True).stdout
    errors, read = json.loads(out)
    assert errors == []
    assert read == [list(cue) for cue in shown]
