"""How what Undertext was set up without gets onto this machine: it depends on how Undertext itself came there."""

import sys


def is_frozen() -> bool:
    """Whether this is a packaged program, which brings its own Python and takes no further packages."""
    return bool(getattr(sys, "frozen", False))


def mend(verb: str, extra: str) -> str:
    """Return the sentence that says how to install something.

    Args:
        verb: Of the script `run`.
        extra: Of the Python package.
    """
    if is_frozen():
        return f"A packaged Undertext cannot take it; run Undertext from its source, after ./run {verb}."
    return f"Install it: ./run {verb}, or pip install 'undertext[{extra}]'."


def mend_torch() -> str:
    """Return the sentence that says how to install a torch that computes on a graphics card."""
    if is_frozen():
        return "Install the GPU pack of this version of Undertext: undertext gpu install FILE."
    return mend("gpu", "gpu")
