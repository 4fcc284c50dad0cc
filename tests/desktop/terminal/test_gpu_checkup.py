import pytest

from desktop.terminal import doctor, gpu_checkup
from engine.errors import CudaUnavailable
from engine.whisper.choice import Obstacle
from engine.whisper.driver import Card, Driver

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
