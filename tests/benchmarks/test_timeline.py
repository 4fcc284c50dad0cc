"""What is drawn of an update and of recordings is what was done."""

import json
import shutil

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed (./run gpu test)")
pytest.importorskip("matplotlib", reason="matplotlib is not installed (extra test)")

from hypothesis import given  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from engine.whisper.cuda.proof.logbook import COMPUTE, COPY  # noqa: E402
from engine.whisper.cuda.proof.order import HOST  # noqa: E402
from engine.whisper.cuda.proof.recording import RecordingDevice  # noqa: E402
from engine.whisper.cuda.sound.ahead import ENCODER  # noqa: E402
from engine.whisper.recognizer import Context  # noqa: E402
from tests.benchmarks import random_weights, timeline  # noqa: E402
from tests.benchmarks.timeline import Box, Picture, beside, draw, hidden, ordered, profiled, soonest  # noqa: E402
from tests.whispers import folder  # noqa: E402


@pytest.fixture
def recorded():
    """Two uploads, a graph that is replayed thrice, and a read."""
    with RecordingDevice() as device:
        staging = device.page_locked((4,), torch.float32)
        with device.compute():
            sound, total = torch.zeros(4, device=device.place), torch.zeros(4, device=device.place)
        graph = device.capture("step", lambda: total.add_(sound).mul_(2.0))
        begun = len(device.acts)
        staging.numpy()[:] = 1.0
        ready = device.upload(staging, sound, device.mark())
        with device.compute(ready):
            for _ in range(3):
                graph.replay()
        device.fetch(total).get()
        return ordered(device.acts[begun:])


def test_an_order_has_a_box_for_each_range_and_an_arrow_for_each_wait(recorded):
    told = [(box.lane, box.name, box.times) for box in recorded.boxes]
    assert told == [
        (HOST, "writes", 1),
        (COPY, "upload", 1),
        (COMPUTE, "step", 3),
        (COMPUTE, "fetch", 1),
        (HOST, "waits", 1),
    ]
    assert recorded.arrows == [(1, 2), (3, 4)]
    assert recorded.boxes[1].bytes == 16
    assert recorded.boxes[2].launches == 9  # with the copy of its result
    assert [box.waits for box in recorded.boxes] == [False] * 4 + [True]


SPANS = st.lists(st.tuples(st.integers(0, 50), st.integers(1, 10)), min_size=1, max_size=8)


@given(SPANS, SPANS)
def test_the_hidden_share_is_that_of_every_microsecond(copies, kernels):
    events = [
        {"ph": "X", "cat": category, "name": name, "ts": 7.0 + start, "dur": float(length)}
        for category, name, spans in (("gpu_memcpy", "Memcpy HtoD", copies), ("kernel", "k", kernels))
        for start, length in spans
    ]
    marks = [{"ph": "X", "cat": "gpu_user_annotation", "name": "step", "ts": 0.0, "dur": 99.0}, {"ph": "M", "name": ""}]
    copied, busy = ({at for start, n in spans for at in range(start, start + n)} for spans in (copies, kernels))
    assert hidden(profiled({"traceEvents": [*marks, *events]})) == pytest.approx(len(copied & busy) / len(copied))


def test_nothing_copied_hides_nothing():
    assert hidden(Picture([Box(COMPUTE, "", 0.0)])) is None
    assert beside(Picture([Box(COMPUTE, "", 0.0)])) is None


@given(SPANS, SPANS)
def test_the_encoders_stream_is_the_one_that_encodes_and_writes_nothing(encoder, decoder):
    marks = [
        {"ph": "X", "cat": "gpu_user_annotation", "name": name, "ts": 0.0, "dur": 99.0, "tid": stream}
        for name, stream in (("encode 100", 13), ("step 2 x 1", 7), ("encode 50", 7))
    ]
    kernels = [
        {"ph": "X", "cat": "kernel", "name": "k", "ts": float(start), "dur": float(length), "tid": stream}
        for spans, stream in ((encoder, 13), (decoder, 7))
        for start, length in spans
    ]
    encoded, wrote = ({at for start, n in spans for at in range(start, start + n)} for spans in (encoder, decoder))
    picture = profiled({"traceEvents": [*marks, *kernels]})
    assert beside(picture) == pytest.approx(len(encoded & wrote) / len(encoded))
    assert picture.lanes == [HOST, COPY, COMPUTE, ENCODER]


@given(st.lists(st.tuples(st.sampled_from([HOST, COPY, COMPUTE, ENCODER]), st.sets(st.integers(0, 9))), max_size=10))
def test_each_thing_is_as_early_as_what_it_waits_for_allows(boxes):
    arrows = [(source, at) for at, (_, sources) in enumerate(boxes) for source in sources if source < at]
    picture = soonest(Picture([Box(lane, "", at) for at, (lane, _) in enumerate(boxes)], arrows))
    for at, box in enumerate(picture.boxes):
        earlier = [each for each in picture.boxes[:at] if each.lane in {box.lane, HOST}]
        ends = {each.start + each.length for each in [*earlier, *(picture.boxes[s] for s, t in arrows if t == at)]}
        assert box.start == max(ends, default=0.0)


@pytest.mark.parametrize("timed", [False, True])
def test_a_picture_is_written(recorded, tmp_path, timed):
    draw(recorded, tmp_path / "a.png", "a title", timed=timed)
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


@pytest.fixture(scope="module")
def miniature(tmp_path_factory):
    return random_weights.write(
        tmp_path_factory.mktemp("models") / "miniature", random_weights.MINIATURE, folder("base")
    )


@pytest.fixture(scope="module")
def brief(miniature, tmp_path_factory):
    """A model whose texts end after a few tokens."""
    made = shutil.copytree(miniature, tmp_path_factory.mktemp("models") / "brief")
    random_weights.end_at(made, 10, end=50257)
    return made


@pytest.mark.model
def test_windows_of_recordings_are_encoded_while_others_are_written(brief):
    picture = timeline.record_recordings(brief, Context.FILLED)
    encoding, writing = (
        [box.start for box in picture.boxes if box.lane == lane and box.name.startswith(name)]
        for lane, name in ((ENCODER, "encode"), (COMPUTE, ("enter", "step")))
    )
    assert set(encoding) & set(writing)
    assert beside(picture) > 0.5


@pytest.mark.model
def test_the_profilers_way_of_recordings_can_be_rehearsed_too(brief, tmp_path, capsys):
    timeline.main(["--rehearse", "--recordings", "--model", str(brief), "--output", str(tmp_path)])
    assert "nothing was copied" in capsys.readouterr().out
    assert "traceEvents" in json.loads((tmp_path / "recordings.json").read_text())
    assert (tmp_path / "recordings.png").exists()


@pytest.mark.model
def test_the_profilers_way_can_be_rehearsed_on_the_processor(miniature, tmp_path, capsys):
    timeline.main(["--rehearse", "--model", str(miniature), "--output", str(tmp_path)])
    assert "nothing was copied" in capsys.readouterr().out
    names = {event["name"] for event in json.loads((tmp_path / "update.json").read_text())["traceEvents"]}
    assert {"update", "mel"} <= names
    assert (tmp_path / "update.png").exists()


@pytest.mark.model
def test_without_a_gpu_the_order_of_an_update_is_drawn(brief):
    """The update waits once, at its end."""
    picture = timeline.record(brief, Context.SHORT)
    assert [box.name for box in picture.boxes if box.waits] == ["waits"]
    names = " ".join(box.name for box in picture.boxes)
    assert all(name in names for name in ("upload", "frames", "mel", "encode", "enter", "step", "align", "fetch"))
