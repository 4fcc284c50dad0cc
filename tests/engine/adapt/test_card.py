import re

import pytest

from engine.adapt.card import Base, Making, card, noted
from engine.adapt.library import Credit
from engine.adapt.measure import Row
from engine.adapt.sources import Kind

BASE = Base("tiny.en", "ab" * 32, "Systran/faster-whisper-tiny.en", "0d3d", "MIT", english_only=True)
MAKING = Making(
    base=BASE,
    command="undertext adapt tiny.en --out mine --steps 500",
    sources=[Credit("music | effects", Kind.MUSIC, "CC-BY-SA-3.0", "Somebody", 1.5)],
    settings={"steps": 500, "seed": 7},
    share=0.8,
    versions={"torch": "2.13.0"},
    held_out=(37, 240.0),
    rows=[
        Row("before", "30 s", errors=7, words=100, agreed=[True, False], window_ms=[300.0, 500.0, 400.0]),
        Row("after", "+1 s"),
    ],
)


def head(text):
    """Return the YAML head as pairs."""
    found = re.match(r"---\n(.*?)\n---\n", text, re.DOTALL)
    return dict(line.split(": ", 1) for line in found[1].splitlines())


def test_the_head_is_that_of_a_model_card():
    found = head(card("mine", MAKING))
    assert found["license"] == "mit"
    assert found["language"] == "en"
    assert found["base_model"] == BASE.repository
    assert found["library_name"] == "ctranslate2"


def test_a_folder_of_ones_own_names_no_repository_and_no_licence():
    found = head(card("mine", Making(Base("my folder", "ab"), "", [], {}, 0.8, {})))
    assert "base_model" not in found
    assert (found["license"], found["language"]) == ("other", "multilingual")


@pytest.mark.parametrize(
    "said",
    [
        "# mine\n",
        "    undertext adapt tiny.en --out mine --steps 500\n",
        f"| SHA-256 of its model.bin | {'ab' * 32} |",
        "| seed | 7 |",
        "| torch | 2.13.0 |",
        "| share of the new weights in the average | 0.8 |",
        "| music \\| effects | music | CC-BY-SA-3.0 | Somebody | 1.5 h |",
        "37 clips (4 min)",
        "| before, 30 s | 7.0 % of 100 | 0 | 0 | 50 % of 2 | 400 ms |",
        "| after, +1 s | – | 0 | 0 | – | – |",
    ],
)
def test_the_card_says_what_it_was_made_of_and_what_was_measured(said):
    assert said in card("mine", MAKING)


def test_what_was_not_measured_is_said():
    assert "Nothing was measured." in card("mine", Making(BASE, "", [], {}, 0.8, {}))


def test_programs_read_what_it_was_made_of():
    found = noted(BASE, {"steps": 3})
    assert found == {"adapted_from": {"model": "tiny.en", "sha256": BASE.sha256}, "settings": {"steps": 3}}
