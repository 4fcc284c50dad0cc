"""When it is time to ask again, and what is worth telling; pure, the time is an argument."""

from desktop.settings import UpdateSettings
from desktop.updates.versions import Version

DAY_S = 24 * 60 * 60


def is_due(updates: UpdateSettings, now_s: float) -> bool:
    """Whether nobody was asked for a day; a clock that was put back must not put it off for years.

    Args:
        updates: What was chosen, and when somebody was asked.
        now_s: Seconds since 1970.
    """
    return updates.look and not 0 <= now_s - updates.asked_at < DAY_S


def worth_telling(updates: UpdateSettings, mine: str) -> str:
    """Return the version that a person has not heard of yet and does not have; nothing if there is none.

    Args:
        updates: What was answered last, and of what the person has had enough.
        mine: The version that runs.
    """
    try:
        newest = Version.parse(updates.newest)
    except ValueError:  # nobody was ever asked, or somebody wrote in the file
        return ""
    is_new = updates.look and newest > Version.parse(mine) and newest.text != updates.dismissed
    return newest.text if is_new else ""
