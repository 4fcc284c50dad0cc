import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("torch", reason="torch is not installed (extra gpu)")

from engine.adapt.forecast import (
    GIB,
    Plan,
    free_memory,
    kept_bytes,
    left_bytes,
    multiplications,
    need,
    refuse_too_large,
    step_s,
)
from engine.adapt.training import Mixed
from engine.errors import ModelTooLarge
from engine.whisper.cuda.model.dims import Dims


def dims(width, layers):
    heads = width // 64
    return Dims(80, 51865, width, heads, layers, layers, 1500, 448, tuple((layers - 1, head) for head in range(heads)))


TINY, BASE, SMALL = dims(384, 4), dims(512, 6), dims(768, 12)
SHAPES = st.sampled_from([TINY, BASE, SMALL])
PLANS = st.builds(
    Plan,
    batch=st.just(8),
    at_once=st.integers(1, 8),
    half=st.booleans(),
    checkpointing=st.booleans(),
    lora=st.sampled_from([0, 8, 32]),
    processes=st.integers(1, 4),
)


@settings(deadline=None)
@given(shape=SHAPES, plan=PLANS, free=st.floats(0.5, 8.0))
def test_what_is_refused_is_answered_with_a_setting_that_fits(shape, plan, free):
    room = int(free * GIB)
    if need(shape, plan).total <= room:
        refuse_too_large(shape, plan, room)
        return
    with pytest.raises(ModelTooLarge) as caught:
        refuse_too_large(shape, plan, room)
    hint = caught.value.hint
    if hint.startswith("--"):
        at_once = re.search(r"--at-once (\d)", hint)
        mended = replace(
            plan,
            at_once=int(at_once[1]) if at_once else plan.at_once,
            checkpointing=plan.checkpointing or "--checkpointing" in hint,
            lora=16 if "--lora 16" in hint else plan.lora,
        )
        refuse_too_large(shape, mended, room)


@settings(deadline=None)
@given(shape=SHAPES, plan=PLANS)
def test_each_setting_that_saves_memory_does(shape, plan):
    whole = need(shape, plan).total
    for less in ({"at_once": 1}, {"checkpointing": True}, {"half": True}, {"lora": min(8, plan.lora or 8)}):
        assert need(shape, replace(plan, **less)).total <= whole


@settings(deadline=None)
@given(plan=PLANS)
def test_a_larger_model_takes_more(plan):
    for of in (lambda shape: need(shape, plan).total, lambda shape: step_s(shape, plan, 1e9), left_bytes):
        assert of(TINY) < of(BASE) < of(SMALL)


def test_where_nobody_knows_what_is_free_nothing_is_refused():
    refuse_too_large(SMALL, Plan(), None)


def test_weights_and_moments_are_counted_exactly():
    # The published tiny has 37,760,640 parameters, 29,552,256 of them in its decoder.
    found = need(TINY, Plan())
    assert found.models == 4 * (37_760_640 + ENCODED_KEYS + DECODED_KEYS) + 4 * (29_552_256 + DECODED_KEYS)
    assert kept_bytes(TINY, Plan()) == 2 * found.learning


ENCODED_KEYS, DECODED_KEYS = 4 * 384, 2 * 4 * 384  # biases of keys, which CTranslate2 keeps as zeros


def test_this_machine_says_what_it_has_and_how_fast_it_is():
    assert all(multiplications(floats.dtype) > 0 for floats in Mixed)
    assert free_memory() is None or free_memory() > 0
