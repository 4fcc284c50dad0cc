import pytest

from desktop.known_speech import known_speech
from desktop.terminal import doctor, gpu_checkup
from engine.errors import CudaUnavailable
from engine.records import Word
from engine.whisper.driver import Card, Driver
from engine.whisper.graphics_card import Obstacle
from engine.whisper.recognizer import ScriptedRecognizer
from tests.material import engine

L4 = Card("NVIDIA L4", 24 << 30, (8, 9))


@pytest.mark.parametrize(
    ("driver", "said"),
    [
        (None, ""),
        (Driver("550.54.14"), "driver 550.54.14, "),
        (Driver("550.54.14", "12.4", (L4,)), "NVIDIA L4, 24 GB, driver 550.54.14, CUDA 12.4, "),
    ],
)
def test_what_the_driver_tells_is_one_line(driver, said):
    assert gpu_checkup.about(driver).startswith(said)
    assert gpu_checkup.about(driver).endswith(", ") == bool(said)


class MadeUpGpu:
    """Hears the known speech, wherever it lies.

    Args:
        text: What it hears.
    """

    name = "NVIDIA L4"

    def __init__(self, text):
        self.words = [Word(f" {word}", 100 * i, 100 * (i + 1), 0.9) for i, word in enumerate(text.split())]

    def free_bytes(self):
        return 20 << 30

    def check_numbers(self, _folder):
        return {"the encoder": 0.0012, "a prompt": 0.0007}

    def load(self, _folder, context, _settings, *, eight_bits, clip):
        return ScriptedRecognizer(self.words)


def test_the_checkup_is_a_table_of_what_it_found(capsys):
    engine("tiny.en")  # or skips
    assert gpu_checkup.run(lambda: MadeUpGpu(known_speech().text), rounds=1) == 0
    told = capsys.readouterr().out
    assert "NVIDIA L4, 20.0 GB free" in told
    assert "the encoder differs most, by 0.12%" in told
    assert "understood" in told
    assert told.count("ms; on the processor") == 3


def test_the_checkup_of_a_card_that_hears_something_else_ends_in_one_sentence(capsys):
    engine("tiny.en")
    with pytest.raises(CudaUnavailable, match="of known speech is understood"):
        gpu_checkup.run(lambda: MadeUpGpu("Thanks for watching!"), rounds=1)


@pytest.mark.parametrize("mend", ["", "Update the NVIDIA driver."])
def test_without_a_graphics_card_there_is_one_sentence(mend):
    with pytest.raises(CudaUnavailable, match="no graphics card can be used here: the driver is too old") as raised:
        gpu_checkup.run(lambda: Obstacle("the driver is too old", mend))
    assert raised.value.hint == (mend or "Undertext computes on the processor.")


@pytest.mark.parametrize(
    ("driver", "fine", "found"),
    [
        (None, True, "not used: there is no NVIDIA driver"),
        (Driver("550.54.14"), True, "driver 550.54.14, not used: the NVIDIA driver shows no graphics card"),
        (Driver(problem="the NVIDIA driver does not start: error 999"), False, "error 999"),
    ],
)
def test_the_doctor_says_why_there_is_none_and_calls_only_a_fault_a_fault(monkeypatch, driver, fine, found):
    monkeypatch.setattr(doctor, "find_driver", lambda: driver)
    finding = doctor.gpu()
    assert finding.fine == fine
    assert found in finding.found
    assert bool(finding.mend) == (not fine)
