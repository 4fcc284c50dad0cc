"""Which rungs the figures allow."""

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed (extra gpu)")

from tests.benchmarks.precision import AT_ONCE, Figures, allowed, greedy, whisper  # noqa: E402
from tests.engine.whisper.cuda.published import SMALL, checkpoint_of, random_model  # noqa: E402


def figures(rung, errors):
    return Figures("a model", rung, clips=100, words=1000, errors=errors, changed=0, distance=0.0)


@pytest.mark.parametrize(
    ("errors", "rungs"),
    [((50, 53), ["float32", "int8"]), ((50, 54), ["float32"]), ((50, 20), ["float32", "int8"])],
)
def test_a_rung_is_allowed_that_costs_at_most_three_words_in_a_thousand(errors, rungs):
    assert allowed([figures("float32", errors[0]), figures("int8", errors[1])]) == rungs


def test_clips_are_written_together_as_they_are_alone():
    network = whisper(checkpoint_of(random_model(SMALL)), "int8")
    states = torch.randn(AT_ONCE, 60, 128, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        together = greedy(network, states, [1, 2], 7, 12)
        alone = [greedy(network, states[each : each + 1], [1, 2], 7, 12)[0] for each in range(AT_ONCE)]
    assert together == alone
