"""Who publishes Undertext: the one address that is ever asked for the newest version, and the page for people.

It stands in the program itself. No setting, argument or environment variable names another, so nobody can lead a
program elsewhere without its user's knowledge. (The metadata of the package would do as well, but is not in the
frozen program.)
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Publisher:
    """Where to ask, and where to go.

    Attributes:
        newest: The https address of a JSON object whose "version" is the newest one; empty where there is none to ask.
        page: The https address of the page from which people get it.
    """

    newest: str = ""
    page: str = ""

    @property
    def is_known(self) -> bool:
        """Whether there is somebody to ask."""
        return bool(self.newest and self.page)


# Empty until the project has an address of its own: until then it says so, and asks nobody.
PUBLISHER = Publisher(newest="", page="")
