"""The sound of a session: found by its place, read to where it was killed, lost to a bad disk without a word lost."""

import errno
import os
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.audio.flac import FlacEncoder
from engine.errors import DiskFull, TranscriptError
from engine.transcript.library import Library
from engine.transcript.listening import kept_sounds
from engine.transcript.sound import SPARE, Room, SoundLog, sound_files
from engine.units import samples
from tests.engine.transcript.said import begin

NAME = "20250131-174500"


class Disk(Room):
    """A disk on which writes fail with an error's number, or take half, and so many bytes are free."""

    def __init__(self, *, fault=0, short=False, left=2 * SPARE):
        self.fault, self.short, self.left = fault, short, left

    def write(self, fd, line):
        if self.fault:
            raise OSError(self.fault, os.strerror(self.fault))
        return super().write(fd, line[: max(1, len(line) // 2)] if self.short else line)

    def free(self, folder):
        return self.left


def noise(seed, length_s):
    return np.random.default_rng(seed).uniform(-1, 1, samples(length_s)).astype(np.float32)


def as_pcm(sound):
    return np.round(sound * 32767).astype(np.int16)


PIECES = st.lists(st.tuples(st.booleans(), st.integers(1, 12_000)), min_size=1, max_size=6)


@settings(max_examples=12, deadline=None)
@given(pieces=PIECES, spans=st.lists(st.tuples(st.integers(0, 40_000), st.integers(0, 20_000)), max_size=4))
def test_any_span_is_found_by_its_place_and_gaps_are_silence(pieces, spans):
    with TemporaryDirectory() as folder:
        log, whole = SoundLog(Path(folder), NAME, Disk(short=True)), [np.empty(0, np.float32)]
        for number, (is_gap, length) in enumerate(pieces):
            if is_gap:
                log.write_silence(length)
                whole.append(np.zeros(length, np.float32))
            else:
                whole.append(noise(number, length / 16_000))
                log.write(whole[-1])
            log.sync_if_due(float(number % 3))
        log.close()
        sound = np.pad(as_pcm(np.concatenate(whole)), (0, 100_000))
        found = kept_sounds(Path(folder), NAME, [(at, at + length) for at, length in spans])
        for (at, length), kept in zip(spans, found, strict=True):
            assert np.array_equal(kept.pcm, sound[at : at + length])


def test_what_was_kept_is_told_from_silence(tmp_path):
    log = SoundLog(tmp_path, NAME, Disk())
    log.write_silence(8000)
    log.write(np.zeros(16_000, np.float32))
    log.close()
    assert [kept.known for kept in kept_sounds(tmp_path, NAME, [(0, 8000), (4000, 20_000), (20_000, 30_000)])] == [
        0,
        12_000,
        4000,
    ]


@settings(max_examples=12, deadline=None)
@given(share=st.floats(0, 1))
def test_a_file_that_ends_at_any_byte_is_read_up_to_there(share):
    with TemporaryDirectory() as folder:
        sound = noise(1, 1.5)
        encoder = FlacEncoder()
        whole = encoder.header + encoder.encode(sound[:9000]) + encoder.encode(sound[9000:]) + encoder.finish()
        path = Path(folder, f"{NAME}.0.flac")
        path.write_bytes(whole[: round(share * len(whole))])
        (kept,) = kept_sounds(Path(folder), NAME, [(0, len(sound))])
        assert np.array_equal(kept.pcm[: kept.known], as_pcm(sound)[: kept.known])
        assert not kept.pcm[kept.known :].any()
        # Noise takes as many bytes everywhere; of the frame that is torn nothing need be read.
        assert kept.known >= share * len(sound) - 2 * 4608


def test_what_was_synced_is_read_while_the_session_runs(tmp_path):
    log, sound = SoundLog(tmp_path, NAME, Disk()), noise(2, 3)
    for second in range(3):
        log.write(sound[samples(second) : samples(second + 1)])
        log.sync_if_due(float(second))
    (kept,) = kept_sounds(tmp_path, NAME, [(0, len(sound))])
    assert kept.known > len(sound) - 4608
    assert np.array_equal(kept.pcm[: kept.known], as_pcm(sound)[: kept.known])
    log.close()


def test_files_are_their_owners_alone(tmp_path):
    log = SoundLog(tmp_path, NAME)
    log.write(noise(1, 0.1))
    log.close()
    log.close()
    (file,) = sound_files(tmp_path, NAME)
    assert file.path.stat().st_mode & 0o777 == 0o600


FAULTS = [({"fault": errno.ENOSPC}, DiskFull), ({"left": SPARE - 1}, DiskFull), ({"fault": errno.EIO}, TranscriptError)]


@pytest.mark.parametrize(("fault", "kind"), FAULTS, ids=["full", "nearly full", "broken"])
def test_a_bad_disk_is_told_once_and_the_sound_goes_on_when_it_is_well(tmp_path, fault, kind):
    disk = Disk()
    log, sound, told = SoundLog(tmp_path, NAME, disk), noise(3, 20).reshape(400, 800), []
    for second, piece in enumerate(sound):
        vars(disk).update(fault if 100 <= second < 250 else {"fault": 0, "left": 2 * SPARE})
        log.write(piece)
        try:
            log.sync_if_due(float(second))
        except TranscriptError as error:
            told.append(error)
    log.close()
    assert [type(error) for error in told] == [kind]
    assert "go on" in told[0].hint
    assert len(sound_files(tmp_path, NAME)) == 2
    early, late = kept_sounds(tmp_path, NAME, [(0, 90 * 800), (290 * 800, 400 * 800)])
    assert early.known == 90 * 800
    assert np.array_equal(late.pcm, as_pcm(sound[290:].ravel()))


def test_a_disk_that_stays_full_takes_no_memory(tmp_path):
    log = SoundLog(tmp_path, NAME, Disk(fault=errno.ENOSPC))
    for second in range(300):
        log.write(noise(0, 0.01))
        if second == 0:
            with pytest.raises(DiskFull):
                log.sync_if_due(0.0)
        log.sync_if_due(float(second))
        assert len(log._waiting) <= 31
    log.close()


def test_a_transcript_takes_its_sound_along_when_it_is_deleted_and_no_others(tmp_path):
    begin(tmp_path).close()
    begin(tmp_path).close()
    for name in (NAME, f"{NAME}-2"):
        log = SoundLog(tmp_path, name)
        log.write(noise(0, 0.1))
        log.write_silence(5)
        log.write(noise(0, 0.1))
        log.close()
    assert len(list(tmp_path.iterdir())) == 6
    Library(tmp_path).delete(NAME)
    assert {path.name.partition(".")[0] for path in tmp_path.iterdir()} == {f"{NAME}-2"}
    assert [summary.id for summary in Library(tmp_path).sessions()] == [f"{NAME}-2"]
