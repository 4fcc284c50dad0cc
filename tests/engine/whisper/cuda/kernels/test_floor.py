"""The floor model gives the figures that a person gets by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.whisper.cuda.kernels.floor import CHIPS, SHAPES, Launch, encoding, expected_ms, prefill, token_step

H200 = CHIPS["H200"]
shapes = st.sampled_from(sorted(SHAPES))
chips = st.sampled_from(sorted(CHIPS))


# By hand, turbo: 4 layers × (14 × 1280² weights + 2 × 1500 × 1280 of the sound) + 51866 × 1280, two bytes each, is
# 347 MB; over 4.3 TB/s 0.08 ms.
@pytest.mark.parametrize(
    ("name", "by_hand_ms"), [("tiny", 0.015), ("small", 0.077), ("turbo", 0.080), ("large-v3", 0.43)]
)
def test_a_token_takes_its_bytes_over_the_memory(name, by_hand_ms):
    assert token_step(SHAPES[name]).floor_ms(H200) == pytest.approx(by_hand_ms, rel=0.02)


def test_the_bytes_of_a_token_of_turbo():
    assert token_step(SHAPES["turbo"]).bytes == 2 * (4 * (14 * 1280**2 + 2 * 1500 * 1280) + 51866 * 1280)


# By hand, turbo: 32 layers × (2 × 1500 × 12 × 1280² + 4 × 1500² × 1280) and 17.7 of convolutions is 2.27 × 10¹²
# operations; over 790 × 10¹² a second 2.9 ms.
@pytest.mark.parametrize(("name", "by_hand_ms"), [("tiny", 0.047), ("turbo", 2.88), ("large-v3", 2.88)])
def test_an_encoding_takes_its_operations_over_the_products(name, by_hand_ms):
    assert encoding(SHAPES[name]).floor_ms(H200) == pytest.approx(by_hand_ms, rel=0.02)


@given(shapes, shapes, chips)
def test_work_beside_other_work_takes_no_less_than_each_and_no_more_than_both(one, other, chip):
    encoder, step = encoding(SHAPES[one]), token_step(SHAPES[other])
    chip = CHIPS[chip]
    each = encoder.floor_ms(chip), step.floor_ms(chip)
    assert max(each) <= (encoder + step).floor_ms(chip) * (1 + 1e-12)
    assert (encoder + step).floor_ms(chip) <= sum(each) * (1 + 1e-12)


def test_a_prompt_of_turbo_projects_the_sound():
    by_hand = 4 * (2 * 1500 * 2 * 1280**2 + 2 * 3 * 14 * 1280**2 + 4 * 3 * 1280 * 1501.5) + 2 * 51866 * 1280
    assert prefill(SHAPES["turbo"], 3).flops == pytest.approx(by_hand)


@given(shapes, chips, st.integers(1, 16), st.integers(0, 447))
def test_beams_cost_little_and_history_more(name, chip, beams, tokens):
    shape, chip = SHAPES[name], CHIPS[chip]
    one = token_step(shape, tokens=tokens).floor_ms(chip)
    assert one <= token_step(shape, rows=beams, tokens=tokens).floor_ms(chip) <= beams * one * (1 + 1e-9)
    assert one >= token_step(shape).floor_ms(chip)


# A processor holds 65536 registers, 64 warps: by hand.
@pytest.mark.parametrize(
    ("warps", "registers", "shared", "held"),
    [(4, 32, 0, 16), (4, 80, 0, 6), (8, 128, 0, 2), (2, 92, 49152, 4), (1, 32, 0, 32), (4, 32, 240_000, 0)],
)
def test_a_processor_holds_what_its_registers_and_memory_allow(warps, registers, shared, held):
    assert Launch(0, 1, warps, registers, shared).resident(H200) == held


def test_little_by_hand():
    # 320 programs of 128 threads with 8 loads of 16 bytes, of which each has 10240 bytes to load: 3.3 MB on their way
    # in 0.6 µs is 5.5 TB/s, more than the memory has.
    launch = Launch(3_276_800, 320, 4, 46, 16)
    assert launch.bytes_per_us(H200) == H200.bytes_per_us
    assert launch.expected_us(H200) == pytest.approx(1.3 + 0.6 + 3_276_800 / 4.32e6)
    # One program alone has 16 KiB on their way: 27 GB/s.
    assert Launch(100_000, 1, 4, 46, 16).bytes_per_us(H200) == pytest.approx(16384 / 0.6)


@given(st.floats(1, 1e9), st.integers(1, 5000), st.sampled_from([1, 2, 4, 8]), st.integers(16, 255), chips)
def test_a_forecast_is_above_the_floor(moved, programs, warps, registers, chip):
    launch, chip = Launch(moved, programs, warps, registers, 0), CHIPS[chip]
    assert expected_ms([launch], chip) * 1000 > moved / chip.bytes_per_us
