import itertools
import json
import os
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed (extra gpu)")

from desktop.assets import DEMO_CLIP  # noqa: E402
from engine.adapt.adaptation import SILENT, SPOKEN, Adaptation, thinned  # noqa: E402
from engine.adapt.crew import train_together  # noqa: E402
from engine.adapt.forecast import Plan  # noqa: E402
from engine.adapt.items import What  # noqa: E402
from engine.adapt.library import Clip  # noqa: E402
from engine.adapt.order import Order  # noqa: E402
from engine.adapt.run import Goal, Watch  # noqa: E402
from engine.adapt.training import Mixed  # noqa: E402
from engine.errors import AdaptationError, MediaUnreadable, SettingsError  # noqa: E402
from engine.models.checks import Trust  # noqa: E402
from engine.models.installed import installed  # noqa: E402
from engine.models.store import Store  # noqa: E402
from engine.transcript.library import Library  # noqa: E402
from engine.whisper.cuda.model.dims import shapes  # noqa: E402
from engine.whisper.cuda.model.weights import read_checkpoint  # noqa: E402
from engine.whisper.recognizer import Context  # noqa: E402
from tests.engine.adapt.corrected_sessions import Said, corrected_session  # noqa: E402
from tests.engine.adapt.small_model import small_model  # noqa: E402

STEPS = 3
MATRIX = "decoder/layer_0/attention/linear_0/weight"


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """A folder with a small model and a recording; the sounds that are made of it are made once."""
    folder = tmp_path_factory.mktemp("adaptation")
    small_model(folder / "small")
    (folder / "talks").mkdir()
    shutil.copyfile(DEMO_CLIP, folder / "talks" / "demo.ogg")
    return folder


@pytest.fixture(autouse=True)
def no_synthesisers(monkeypatch):
    """Let the machine have none, nor packages: `order` looks for them where there is nothing."""
    monkeypatch.setenv("PATH", "")


def ordered(here, folder):
    """Return what is wanted, everything of it in a folder but the sounds."""
    return Order(
        model=str(here / "small"),
        out=folder / "out",
        home=here / "home",
        goal=Goal(steps=STEPS),
        audio=(here / "talks",),
        work=folder / "work",
        plan=Plan(batch=2, at_once=2),
        root=folder / "none",
    )


@pytest.fixture
def order(here, tmp_path):
    return ordered(here, tmp_path)


@pytest.fixture(scope="module")
def unbroken(here):
    """What is left by an order that nothing came between."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", "")
        order = ordered(here, here / "unbroken")
        carried_out(order)
    return order


def adaptation(order):
    return Adaptation(order, Store(order.home / "none"))


def whole(order):
    """Return the weights that an order has left, before they were rounded to 8 bits."""
    return (order.out / "float16" / "model.bin").read_bytes()


def carried_out(order, **watch):
    found = adaptation(order)
    progress = found.train(Watch(**watch))
    if progress is None or progress.done == 1.0:
        found.write(lambda _row: None)
    return found


def test_what_is_left_is_a_model_for_short_windows_with_a_card_and_no_state(unbroken):
    assert installed(unbroken.out, None, Trust.UNKNOWN, "").context is Context.SHORT
    card = (unbroken.out / "README.md").read_text()
    for said in (f"| steps | {STEPS} |", "talks | speech | the user's own", "Nothing was measured", f"--steps {STEPS}"):
        assert said in card
    note = json.loads((unbroken.out / "undertext.json").read_text())
    assert (note["adapted_from"]["model"], note["settings"]["steps"]) == ("small", STEPS)
    assert [path.name for path in unbroken.work.iterdir()] == ["lock"]


def test_what_is_broken_off_ends_as_what_is_not(order, unbroken):
    for _ in range(STEPS):
        asked = itertools.count()
        carried_out(order, stop=lambda asked=asked: next(asked) > 0)
    carried_out(order)
    assert whole(order) == whole(unbroken)


def test_another_seed_makes_another_model(order, unbroken):
    carried_out(replace(order, seed=2))
    assert whole(order) != whole(unbroken)


@pytest.fixture
def four_threads():
    """Of torch, in this process, while a test runs."""
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    yield
    torch.set_num_threads(before)


def given_threads():
    """Return how many threads each other process of a crew was given; only Linux tells."""
    if sys.platform != "linux":
        return [2]
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    environments = [Path(f"/proc/{child}/environ").read_text().split("\0") for child in children]
    told = [dict(pair.split("=", 1) for pair in each if "=" in pair) for each in environments]
    return [int(each["OMP_NUM_THREADS"]) for each in told if "OMP_NUM_THREADS" in each]


def test_two_processes_leave_what_one_does(order, unbroken, four_threads):
    found = adaptation(replace(order, plan=Plan(batch=2, at_once=2, processes=2)))
    found.refuse_impossible()
    threads = []
    watch = Watch(lambda _progress: threads.append((torch.get_num_threads(), *given_threads())))
    assert train_together(found, watch).figures.step == STEPS
    assert threads == [(2, 2)] * STEPS
    assert torch.get_num_threads() == 4
    found.write(lambda _row: None)
    one, two = (read_checkpoint(each.out / "float16") for each in (unbroken, order))
    for name in shapes(one.dims):
        torch.testing.assert_close(two.tensor(name), one.tensor(name), atol=2e-4, rtol=2e-3)


def test_items_that_processes_cannot_share_are_refused(order):
    with pytest.raises(AdaptationError, match="shared") as caught:
        adaptation(replace(order, plan=Plan(batch=4, processes=3))).refuse_impossible()
    assert "--batch 6" in caught.value.hint


def test_narrow_matrices_are_folded_into_weights(order):
    found = carried_out(replace(order, plan=Plan(batch=2, at_once=2, lora=4)))
    before = found.checkpoint.tensor
    weights = found.weights()
    assert not torch.equal(torch.from_numpy(weights[MATRIX]), before(MATRIX).float())
    assert torch.equal(
        torch.from_numpy(weights["decoder/layer_norm/gamma"]), before("decoder/layer_norm/gamma").float()
    )


def test_what_only_costs_memory_may_change_on_the_way(order):
    asked = itertools.count()
    carried_out(order, stop=lambda: next(asked) > 0)
    carried_out(replace(order, plan=Plan(batch=2, at_once=1, checkpointing=True)))
    assert order.out.is_dir()


@pytest.mark.parametrize(
    "change", [{"seed": 5}, {"goal": Goal(steps=9)}, {"plan": Plan(batch=1)}, {"mixed": Mixed.BFLOAT16}], ids=str
)
def test_a_state_of_another_order_is_told_and_not_used(order, change):
    asked = itertools.count()
    carried_out(order, stop=lambda: next(asked) > 0)
    with pytest.raises(AdaptationError, match="another adaptation"):
        carried_out(replace(order, **change))


def test_the_same_order_finds_its_own_folder_again(order):
    first, same, other = (adaptation(replace(order, work=None, seed=seed)).work for seed in (1, 1, 2))
    assert first == same != other
    assert first.parent == order.home


def test_no_sound_at_all_is_one_error_with_a_mend(order):
    with pytest.raises(MediaUnreadable) as caught:
        adaptation(replace(order, audio=())).train(Watch())
    assert "--audio" in caught.value.hint


def test_what_is_in_the_way_is_told_before_anything_is_begun(order):
    order.out.mkdir()
    (order.out / "letters.txt").touch()
    with pytest.raises(SettingsError, match="something else"):
        adaptation(order).refuse_impossible()


def test_clips_are_thinned_evenly():
    clips = [Clip(None, str(n) if n % 2 else "", "", "en") for n in range(400)]
    found = thinned(clips)
    assert [bool(clip.text) for clip in found] == [True] * SPOKEN + [False] * SILENT
    assert found[1].text == "11"
    assert thinned(clips[:7]) == [*clips[1:7:2], *clips[:7:2]]


@pytest.fixture
def correcting(order, tmp_path):
    """What is wanted where somebody has corrected a transcript, and the transcript's name.

    Of so few corrections none is held out: CTranslate2 does not decode with so small a model.
    """
    said = [Said(0.4, 1.5, f"A secret, number {index}.") for index in range(2)]
    name, _ = corrected_session(tmp_path / "transcripts", said)
    return replace(order, corrections=tmp_path / "transcripts", plan=Plan(batch=2, at_once=2, lora=4)), name


def test_the_card_says_how_much_was_corrected_and_never_a_word_of_it(correcting):
    order, _ = correcting
    adaptation(order).refuse_impossible()
    carried_out(order)
    card = (order.out / "README.md").read_text()
    assert "| corrected transcripts | speech | the user's own |" in card
    assert "its user's corrections were" in card
    assert "--lora 4 --corrections" in card
    assert not any("secret" in path.read_text().lower() for path in order.out.rglob("*.md"))
    assert not any("secret" in path.read_text().lower() for path in order.out.rglob("undertext.json"))


def test_corrections_are_among_what_is_heard(correcting):
    order, _ = correcting
    for wanted in (order, replace(order, corrections=None)):
        items = adaptation(wanted)._items
        assert (What.CORRECTED in map(items.what, range(4000))) == (wanted.corrections is not None)


def test_a_state_of_other_corrections_is_told_and_not_used(correcting):
    order, name = correcting
    asked = itertools.count()
    carried_out(order, stop=lambda: next(asked) > 0)
    Library(order.corrections).correct(name, 0, "Another secret.")
    with pytest.raises(AdaptationError, match="corrections differ"):
        carried_out(order)


def test_without_corrections_to_learn_from_it_says_so_before_anything_is_begun(order, tmp_path):
    with pytest.raises(AdaptationError, match="nothing was corrected"):
        adaptation(replace(order, corrections=tmp_path)).refuse_impossible()
