# ruff: noqa: N802  # these are the names of the driver's functions
import sys

import pytest

from engine.whisper.driver import Card, Driver, find_driver

MODULE = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.14  Thu Feb 22 01:44:30 UTC 2024\nGCC version:  12\n"
OPEN = "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  570.86.15  Release Build  (dvs-builder@U16)\n"

pytestmark = pytest.mark.skipif(sys.platform not in {"linux", "win32"}, reason="NVIDIA has no driver for this system")


class Library:
    """Answers like `libcuda` of a machine with two cards; a call may be refused with a number, or not be there."""

    CARDS = ((b"NVIDIA L4", 24 << 30, (8, 9)), (b"Tesla T4", 16 << 30, (7, 5)))

    def __init__(self, refused=None, missing=""):
        self.refused = refused or {}
        self.missing = missing

    def __getattribute__(self, name):
        if name.startswith("cu") and name == object.__getattribute__(self, "missing"):
            raise AttributeError(f"undefined symbol: {name}")
        answer = object.__getattribute__(self, name)
        if not name.startswith("cu"):
            return answer
        return lambda *arguments: self.refused.get(name) or answer(*arguments) or 0

    def cuInit(self, flags):
        assert flags == 0

    def cuDriverGetVersion(self, version):
        version._obj.value = 12_040

    def cuDeviceGetCount(self, count):
        count._obj.value = len(self.CARDS)

    def cuDeviceGet(self, device, index):
        device._obj.value = index

    def cuDeviceGetName(self, name, length, device):
        name.value = self.CARDS[device.value][0][: length - 1]

    def cuDeviceTotalMem_v2(self, memory, device):
        memory._obj.value = self.CARDS[device.value][1]

    def cuDeviceGetAttribute(self, value, attribute, device):
        value._obj.value = self.CARDS[device.value][2][{75: 0, 76: 1}[attribute]]


def found(tmp_path, told=MODULE, **library):
    version = tmp_path / "version"
    version.write_text(told)
    return find_driver(lambda _name: Library(**library), version)


@pytest.mark.parametrize(("told", "version"), [(MODULE, "550.54.14"), (OPEN, "570.86.15"), ("?", "")])
def test_the_driver_tells_of_itself_and_its_cards(tmp_path, told, version):
    cards = (Card("NVIDIA L4", 24 << 30, (8, 9)), Card("Tesla T4", 16 << 30, (7, 5)))
    assert found(tmp_path, told) == Driver(version, "12.4", cards)


def test_without_its_library_there_is_no_driver():
    def load(name):
        raise OSError(f"{name}: cannot open shared object file")

    assert find_driver(load) is None


def test_a_driver_without_a_card_has_no_problem(tmp_path):
    assert found(tmp_path, refused={"cuInit": 100}) == Driver("550.54.14")


@pytest.mark.parametrize(("code", "why"), [(803, "updated and this computer not started since"), (999, "error 999")])
@pytest.mark.parametrize("call", ["cuInit", "cuDriverGetVersion", "cuDeviceGetCount", "cuDeviceGetName"])
def test_a_driver_that_does_not_start_says_why(tmp_path, call, code, why):
    driver = found(tmp_path, refused={call: code})
    assert driver.cards == ()
    assert why in driver.problem


def test_a_driver_that_lacks_a_function_is_too_old(tmp_path):
    assert "too old" in found(tmp_path, missing="cuDeviceTotalMem_v2").problem


def test_this_machine_can_be_asked():
    driver = find_driver()
    assert driver is None or driver.problem or all(card.memory_bytes for card in driver.cards)
