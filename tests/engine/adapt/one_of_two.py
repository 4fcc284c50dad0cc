"""One of two processes that train together; it is started as a program, and leaves behind what came of it.

python -m tests.engine.adapt.one_of_two RANK FOLDER
"""

import sys
from pathlib import Path

from safetensors.torch import save_file

from engine.adapt.shards import together
from engine.adapt.training import Mixed
from tests.engine.adapt.made_up import CPU, items, trained, training, weights

WAYS = {
    "plain": {},
    "frugal": {"frugal": True, "at_once": 1},
    "float16": {"mixed": Mixed.FLOAT16},
    "narrow": {"rank": 2},
}


def resumed(shards):
    """Return the weights after two steps with a break between them."""
    before, after = (training(shards=shards) for _ in range(2))
    before.step(items(0), 0.0)
    after.restore(*before.state())
    after.step(items(1), 0.5)
    return weights(after)


def main(rank, folder):
    with together(rank, 2, folder / "meeting", CPU) as shards:
        found = {name: trained(shards=shards, **way) for name, way in WAYS.items()}
        found["resumed"] = resumed(shards)
    save_file(found, folder / f"{rank}.safetensors")


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
