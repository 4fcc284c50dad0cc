"""`undertext updates`: whether there is a newer Undertext. It asks once, over the network, and fetches nothing."""

import argparse

from desktop.updates.publisher import PUBLISHER, Publisher
from desktop.updates.request import newest
from desktop.updates.versions import Version
from desktop.version import VERSION

NAME = "updates"
HELP = "say whether there is a newer Undertext: asks once, over the network, and fetches nothing"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare no arguments."""


def run(_options: argparse.Namespace, publisher: Publisher = PUBLISHER, mine: str = VERSION) -> int:
    """Ask, and say what was answered; return 0.

    Raises:
        NewestUnknown: There is nobody to ask, or no answer.
    """
    published = newest(publisher)
    if published > Version.parse(mine):
        print(f"Undertext {published.text} is there; this is {mine}. Get it from {publisher.page}")
    else:
        print(f"Undertext {mine} is up to date: the newest that is published is {published.text}.")
    return 0
