"""What the GPU engine is held to: its goals, what was found beside them, as a table and as JSON."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import TypeAlias

Cell: TypeAlias = float | str  # a figure, or why there is none


@dataclass
class Row:
    """One line.

    Attributes:
        name: What is measured.
        model: Of which.
        unit: Of all figures.
        goal: As it was set, or nothing.
        floor: What the chip cannot do better, by arithmetic; None where nothing is known.
        ours: Of our engine.
        peers: Of others, by name.
        note: What else is to be known.
    """

    name: str
    model: str
    unit: str
    goal: str = ""
    floor: float | None = None
    ours: Cell = "–"
    peers: dict[str, Cell] = field(default_factory=dict)
    note: str = ""


@dataclass
class Check:
    """Something that must be right before a time means anything."""

    name: str
    found: str
    right: bool


@dataclass
class Report:
    """All of it.

    Attributes:
        rehearsal: Whether the figures mean nothing.
        machine: What it ran on, by name.
        checks: Done first.
        rows: In order.
    """

    rehearsal: bool
    machine: dict[str, str]
    checks: list[Check] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)

    def json(self) -> dict[str, object]:
        """Return it as what JSON knows."""
        return asdict(self)


def table(report: Report, peers: Sequence[str]) -> str:
    """Return a report as Markdown."""
    lines = ["**Rehearsal: figures mean nothing.**", ""] if report.rehearsal else []
    lines += [f"- {name}: {found}" for name, found in report.machine.items()]
    lines += [f"- {'right' if check.right else 'WRONG'}: {check.name}: {check.found}" for check in report.checks]
    lines += ["", f"| | model | unit | goal | floor | ours | {' | '.join(peers)} | |", "|---" * (7 + len(peers)) + "|"]
    for row in report.rows:
        cells = [row.name, row.model, row.unit, row.goal, _told(row.floor), _told(row.ours)]
        cells += [_told(row.peers.get(peer, "–")) for peer in peers]
        lines.append(f"| {' | '.join(cells)} | {row.note} |")
    return "\n".join(lines)


def _told(cell: Cell | None) -> str:
    if cell is None:
        return "–"
    return cell.replace("|", "/") if isinstance(cell, str) else f"{cell:.3g}" if cell < 1000 else f"{cell:.0f}"
