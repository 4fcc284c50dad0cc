"""One picture of a run: words over time, displayed against spoken, and how far behind each engine was."""

from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks.figures import Measured
from tests.benchmarks.measures import Spoken


def draw(path: Path, title: str, spoken: Sequence[Spoken], runs: Sequence[Measured]) -> None:
    """Write the picture of one recording; an engine's dots mark where displayed words were taken back."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, (words, late) = plt.subplots(2, 1, figsize=(12, 8), sharex=True, height_ratios=(3, 1), layout="constrained")
    words.step(
        [word.stop_s for word in spoken],
        range(1, len(spoken) + 1),
        where="post",
        color="black",
        linewidth=2,
        label="spoken",
    )
    for number, run in enumerate(runs):
        colour = f"C{number}"
        updates = run.seen.updates
        at_s, shown = [u.at_s for u in updates], [u.offset + len(u.after) for u in updates]
        committed = [u.committed for u in updates]
        words.step(at_s, shown, where="post", color=colour, label=f"{run.engine}: displayed")
        words.step(at_s, committed, where="post", color=colour, linestyle=":", label=f"{run.engine}: committed")
        taken = [u for u in updates if u.before != u.after[: len(u.before)]]
        words.plot([u.at_s for u in taken], [u.offset + len(u.after) for u in taken], ".", color=colour)
        late.step([a for a, _ in run.lags], [lag for _, lag in run.lags], where="post", color=colour, linewidth=0.8)
    words.set(ylabel="words", title=title)
    words.legend(loc="upper left")
    late.set(xlabel="seconds since the sound began", ylabel="lag, s")
    for axis in (words, late):
        axis.grid(visible=True, alpha=0.3)
    figure.savefig(path, dpi=110)
    plt.close(figure)
