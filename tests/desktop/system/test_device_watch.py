from desktop.capture.hosts import Device, Kind
from desktop.system.device_watch import DeviceWatch
from engine.errors import NoInputDevice

MICROPHONE = Device("m", "Mic", Kind.MICROPHONE, default=True, rate=48_000, channels=1)


def test_what_is_found_is_told_and_the_same_again_is_not(qtbot):
    looks = []

    def look():
        looks.append(1)
        return [MICROPHONE]

    watch = DeviceWatch(look)
    with qtbot.waitSignal(watch.changed) as told:
        watch.watch(on=True)
    assert told.args == [[MICROPHONE]]
    with qtbot.assertNotEmitted(watch.changed):
        watch.watch(on=True)
        qtbot.waitUntil(lambda: len(looks) == 2)
        qtbot.waitUntil(lambda: not watch._background._is_busy)
    watch.watch(on=False)


def test_a_machine_without_sound_has_no_devices(qtbot):
    def look():
        raise NoInputDevice("none")

    watch = DeviceWatch(look)
    with qtbot.waitSignal(watch.changed) as told:
        watch.watch(on=True)
    assert told.args == [[]]
    watch.watch(on=False)
