"""From what was measured to what is told: recordings pooled into figures, figures into a table.

Latencies of all words are pooled before a percentile is taken, errors are summed before they are divided; LAAL is the
mean over recordings and LongYAAL over sentences, as their authors have it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tests.benchmarks import measures
from tests.benchmarks.measures import Spoken
from tests.benchmarks.recordings import Recording
from tests.benchmarks.replay import Replay, read_log, replay


@dataclass
class Measured:
    """What one engine did with one recording, raw: lists and sums that can be pooled."""

    engine: str
    recording: str
    duration_s: float
    fed_s: float
    silent: bool
    seen: Replay = field(repr=False)
    lags: list[tuple[float, float]] = field(repr=False)
    memory_mb: list[float] = field(repr=False)
    first_s: list[float]
    commit_s: list[float]
    final_s: list[float]
    first_text_s: float | None
    laal_s: float | None
    laal_computing_s: float | None
    yaal_s: list[float]
    yaal_computing_s: list[float]
    errors: int
    words: int
    cost: dict[str, float]


def measure(engine: str, recording: Recording, spoken: Sequence[Spoken], log: Path) -> Measured:
    """Return what an event log tells of a recording."""
    events = read_log(log)
    seen = replay(events)
    pairs = measures.align([word.text for word in spoken], seen.words)
    heard_s, clock_s = seen.committed_audio_s, seen.committed_at_s
    source_s, fed_s = recording.duration_s, len(recording.fed) / len(recording.samples) * recording.duration_s
    errors, words = measures.word_errors(recording.transcript, seen.text)
    return Measured(
        engine=engine,
        recording=recording.name,
        duration_s=source_s,
        fed_s=fed_s,
        silent=not recording.transcript,
        seen=seen,
        lags=measures.lags(events),
        memory_mb=[event["memory_mb"] for event in events if "memory_mb" in event],
        first_s=measures.emission_latencies(spoken, pairs, seen.shown_at_s),
        commit_s=measures.emission_latencies(spoken, pairs, seen.committed_at_s),
        final_s=measures.end_to_final(spoken, pairs, seen.committed_at_s),
        first_text_s=measures.first_text(seen.updates, spoken),
        laal_s=measures.laal(heard_s, source_s, len(spoken)),
        laal_computing_s=measures.laal(clock_s, source_s, len(spoken)),
        yaal_s=measures.long_yaal(spoken, pairs, heard_s, fed_s),
        yaal_computing_s=measures.long_yaal(spoken, pairs, clock_s, fed_s),
        errors=errors,
        words=words,
        cost=measures.cost(events),
    )


def figures(pool: Sequence[Measured], offline_errors: int | None) -> dict[str, float | None]:
    """Return the figures of one engine over some recordings, by name; None where there is nothing to tell."""
    speech = [one for one in pool if not one.silent]
    silence = [one for one in pool if one.silent]
    words = sum(one.words for one in speech)
    written = sum(len(one.seen.words) for one in speech)
    tokens = sum(len(measures.tokens(one.seen.words)) for one in speech)
    wer = _percent(sum(one.errors for one in speech), words)
    offline = None if offline_errors is None else _percent(offline_errors, words)
    updates = [one.seen.updates for one in speech]
    return {
        "WER live, %": wer,
        "WER offline, %": offline,
        "difference, points": None if wer is None or offline is None else wer - offline,
        **_percentiles("first display", [value for one in speech for value in one.first_s]),
        **_percentiles("commit", [value for one in speech for value in one.commit_s]),
        **_percentiles("end of speech → final", [value for one in speech for value in one.final_s]),
        "time to first text, s (median)": _median([one.first_text_s for one in speech]),
        "LAAL, s": _mean([one.laal_s for one in speech]),
        "LAAL with computing, s": _mean([one.laal_computing_s for one in speech]),
        "LongYAAL, s": _mean([value for one in speech for value in one.yaal_s]),
        "LongYAAL with computing, s": _mean([value for one in speech for value in one.yaal_computing_s]),
        "displayed erasure": _ratio(sum(map(measures.erased, updates)), tokens),
        "displayed erasure, case and marks aside": _ratio(
            sum(measures.erased(one, measures.keys) for one in updates), written
        ),
        "unstable partial words": _ratio(sum(map(measures.unstable_words, updates)), written),
        "committed words erased": float(sum(one.seen.committed_erased for one in pool)),
        **_phantoms(silence),
        **_costs(pool),
    }


def _phantoms(silence: Sequence[Measured]) -> dict[str, float | None]:
    minutes = sum(one.fed_s for one in silence) / 60
    appeared = sum(measures.appeared_words(one.seen.updates) for one in silence)
    return {
        "words per minute of non-speech": _ratio(sum(len(one.seen.words) for one in silence), minutes),
        "words that appeared per minute of it": _ratio(appeared, minutes),
    }


def _costs(pool: Sequence[Measured]) -> dict[str, float | None]:
    fed_s = sum(one.fed_s for one in pool)
    lags = [lag for one in pool for _, lag in one.lags]
    spent = {name: sum(one.cost[name] for one in pool) or None for name in ("cpu_s", "wall_s")}
    ends = [_ends(one.lags) for one in pool]
    return {
        "CPU, ms per s of sound": _ratio(spent["cpu_s"], fed_s, 1000),
        "wall, ms per s of sound": _ratio(spent["wall_s"], fed_s, 1000),
        "lag p95, s": float(np.percentile(lags, 95)) if lags else None,
        "lag max, s": max(lags, default=None),
        "lag p95 in the first tenth, s": _mean([first for first, _ in ends]),
        "lag p95 in the last tenth, s": _mean([last for _, last in ends]),
        "deadlines missed": float(sum(measures.deadline_misses(one.lags) for one in pool)),
        "memory grown after the first tenth, MB": _grown(pool),
    }


def _ends(lags: Sequence[tuple[float, float]]) -> tuple[float | None, float | None]:
    tenth = len(lags) // 10
    if not tenth:
        return None, None
    first, last = ([lag for _, lag in part] for part in (lags[:tenth], lags[-tenth:]))
    return float(np.percentile(first, 95)), float(np.percentile(last, 95))


def _grown(pool: Sequence[Measured]) -> float | None:
    grown = [max(one.memory_mb) - max(one.memory_mb[: len(one.memory_mb) // 10 + 1]) for one in pool if one.memory_mb]
    return max(grown, default=None)


def _percentiles(name: str, values: Sequence[float]) -> dict[str, float | None]:
    found = np.percentile(values, [50, 90, 95]) if values else [None] * 3
    return {f"{name} p{p}, s": None if v is None else float(v) for p, v in zip((50, 90, 95), found, strict=True)}


def _percent(part: float, whole: float) -> float | None:
    return _ratio(part, whole, 100)


def _ratio(part: float | None, whole: float, scale: float = 1.0) -> float | None:
    return scale * part / whole if part is not None and whole else None


def _present(values: Sequence[float | None]) -> list[float]:
    return [value for value in values if value is not None]


def _mean(values: Sequence[float | None]) -> float | None:
    return float(np.mean(_present(values))) if _present(values) else None


def _median(values: Sequence[float | None]) -> float | None:
    return float(np.median(_present(values))) if _present(values) else None


def table(title: str, columns: dict[str, dict[str, float | None]]) -> str:
    """Return figures as Markdown: a row for each that some engine has, a column for each engine."""
    names = [name for name in next(iter(columns.values())) if any(c[name] is not None for c in columns.values())]
    lines = [f"| {title} | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    lines += [f"| {name} | {' | '.join(_cell(c[name]) for c in columns.values())} |" for name in names]
    return "\n".join(lines)


def _cell(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.0f}" if value == int(value) or abs(value) >= 100 else f"{value:.2f}"
