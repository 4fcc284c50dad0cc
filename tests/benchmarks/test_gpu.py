"""What is measured on a GPU, in miniature on the processor: it runs, and tells what it promised to tell."""

import json
from importlib.util import find_spec

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed (./run gpu test)")
pytest.importorskip("triton", reason="triton is not installed (./run gpu test)")

from engine.errors import OutOfMemory  # noqa: E402
from engine.whisper.cuda.device.host import HostDevice  # noqa: E402
from engine.whisper.cuda.kernels.floor import CHIPS, SHAPES, Shape, encoding, prefill, token_step  # noqa: E402
from engine.whisper.cuda.kernels.operations import PLAIN  # noqa: E402
from engine.whisper.cuda.model.weights import read_checkpoint  # noqa: E402
from engine.whisper.recognizer import Context  # noqa: E402
from engine.whisper.tokenizer import Tokenizer  # noqa: E402
from tests.benchmarks import gpu, random_weights  # noqa: E402
from tests.benchmarks.gpu_measured import MINIATURE, SPEED_GOALS, TOKEN_GOALS_MS, Bench, batch_floor_ms  # noqa: E402
from tests.benchmarks.gpu_ours import NEW_TOKENS, Batch, Live, most_streams  # noqa: E402
from tests.benchmarks.gpu_peers import PEERS  # noqa: E402
from tests.benchmarks.gpu_rows import Report, Row, table  # noqa: E402
from tests.fake_gpu import fake_gpu  # noqa: E402
from tests.whispers import folder  # noqa: E402

pytestmark = pytest.mark.long

ROWS = [
    ("a token", "ms", "≤ 0.25"),
    ("a token, 5 beams", "ms", ""),
    ("the encoder, 30 s", "ms", "≤ 5"),
    ("whole recordings", "s of sound a second", "≥ 2,500"),
    ("a live update, 10 s, p50", "ms", "≤ 12, 1/5 of the others"),
    ("a live update, 10 s, p95", "ms", ""),
    ("streams, one after another", "within 500 ms", "≥ 64"),
    ("streams, side by side", "within 500 ms", "≥ 64"),
    ("ready after start", "s", "≤ 4"),
]
OF_PEERS = {"a token", "the encoder, 30 s", "whole recordings", "a live update, 10 s, p50"}
MODULES = {
    "transformers": "transformers",
    "transformers, compiled": "transformers",
    "openai-whisper": "whisper",
    "faster-whisper": "faster_whisper",
}


@pytest.mark.model
@pytest.mark.filterwarnings("ignore")  # of the others
def test_all_that_a_gpu_would_be_asked_runs_on_the_processor(tmp_path, capsys):
    folder("base")
    gpu.main(["--rehearse", "--context", "short", "--json", str(tmp_path / "gpu.json")])
    told = capsys.readouterr().out
    report = json.loads((tmp_path / "gpu.json").read_text(encoding="utf-8"))
    assert report["rehearsal"]
    assert "figures mean nothing" in told
    assert {"GPU", "driver", "torch", "clocks", "floor"} <= report["machine"].keys()
    assert report["checks"]
    assert all(check["right"] for check in report["checks"])
    assert [(row["name"], row["unit"], row["goal"]) for row in report["rows"]] == ROWS
    for row in report["rows"]:
        assert isinstance(row["ours"], (float, int)), row
        assert row["peers"].keys() == (PEERS.keys() if row["name"] in OF_PEERS else set())
        for name, cell in row["peers"].items():
            if find_spec(MODULES[name]) is None:
                assert cell.startswith("not installed")
            else:
                assert isinstance(cell, float) or " × ours" in cell or "at a time" in cell, (name, cell)


@pytest.fixture(scope="module")
def miniature(tmp_path_factory):
    return random_weights.write(
        tmp_path_factory.mktemp("models") / "miniature", random_weights.MINIATURE, folder("base")
    )


@pytest.mark.model
def test_an_update_of_random_weights_writes_as_many_tokens_as_it_should(miniature):
    took = Live(miniature, Context.SHORT, HostDevice(), PLAIN, random=True).measure(2)
    assert took.tokens == NEW_TOKENS
    assert took.reads == 1
    assert len(took.ms) == 2


@pytest.mark.model
@pytest.mark.parametrize("windows", [1, 2])
def test_a_batch_stays_on_the_device_in_half_precision(miniature, windows):
    with fake_gpu(torch.float16) as device:
        Batch(miniature, device, PLAIN, windows=windows, positions=100, told=8, beams=3).run(3)


@pytest.mark.model
def test_a_newer_shape_has_its_mel_bands_and_one_language_more(tmp_path):
    shape = Shape(128, 51866, 64, 1, 1)
    made = random_weights.write(tmp_path / "newer", shape, folder("base"))
    checkpoint, tokenizer, older = read_checkpoint(made), Tokenizer(made), Tokenizer(folder("base"))
    assert (checkpoint.dims.mels, checkpoint.dims.vocabulary, checkpoint.dims.heads) == (128, 51866, 1)
    assert tokenizer.end == older.end
    assert tokenizer.language("yue") == older.transcribe - 1
    assert (tokenizer.transcribe, tokenizer.untimed) == (older.transcribe + 1, older.untimed + 1)


def test_another_vocabulary_is_refused(tmp_path):
    with pytest.raises(ValueError, match="51864 are wanted"):
        random_weights.write(tmp_path / "english", SHAPES["tiny.en"], folder("base"))


@pytest.mark.parametrize("chip", CHIPS.values(), ids=lambda chip: chip.name)
@pytest.mark.parametrize("windows", [1, 16, 64])
def test_recordings_take_no_less_than_encoder_or_decoder_and_no_more_than_one_after_the_other(chip, windows):
    shape = SHAPES["turbo"]
    floor = batch_floor_ms(shape, windows, 90, chip)
    encoder = encoding(shape, windows).floor_ms(chip)
    steps = (token_step(shape, rows=windows, windows=windows, tokens=n).floor_ms(chip) for n in range(4, 94))
    decoder = prefill(shape, 4, windows).floor_ms(chip) + sum(steps)
    assert max(encoder, decoder) <= floor < encoder + decoder


def test_every_goal_is_of_a_published_shape():
    assert TOKEN_GOALS_MS.keys() | SPEED_GOALS.keys() <= SHAPES.keys()


@pytest.mark.parametrize(("slow_from", "best"), [(1, 0), (3, 2), (5, 4), (99, 8)])
def test_streams_are_as_many_as_keep_the_deadline_in_every_round(slow_from, best):
    late = iter(np.tile([0.0, 1.0], 100))
    assert most_streams(lambda n: 500.0 + next(late) * (n >= slow_from), [1, 2, 4, 8], 500.0, 3) == best


def test_what_fails_is_told_in_its_cell_and_in_a_rehearsal_raised():
    def fails():
        raise OutOfMemory("no memory left", hint="Choose a smaller model.")

    bench = Bench(MINIATURE, HostDevice(), PLAIN, Context.SHORT, rehearse=False)
    assert bench._cell(fails) == "failed: no memory left"
    with pytest.raises(OutOfMemory):
        Bench(MINIATURE, HostDevice(), PLAIN, Context.SHORT, rehearse=True)._cell(fails)


def test_a_table_has_a_cell_for_every_peer():
    row = Row("a token", "tiny", "ms", "≤ 1", 0.1, 0.5, {"one": "does not | load"})
    lines = table(Report(False, {}, [], [row]), ["one", "other"]).splitlines()
    assert lines[-1] == "| a token | tiny | ms | ≤ 1 | 0.1 | 0.5 | does not / load | – |  |"
    assert len({line.count("|") for line in lines[-3:]}) == 1
