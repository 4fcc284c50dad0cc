"""Started by the kill test: for every folder named on its input, a process that writes a journal until it is killed.

It says its number, then every word once the journal has taken it; this one says "gone" when the writer is dead.
"""

import os
import sys
from itertools import count
from pathlib import Path

from engine.records import Caption, Word
from engine.transcript.journal import Journal
from tests.engine.transcript.said import NOW


def write(folder: Path) -> None:
    """Caption and acknowledge, for ever."""
    say(str(os.getpid()))
    journal = Journal.create(folder, title="", source="", model="", now=NOW)
    for segment in count():
        words: list[Word] = []
        for number in range(6):
            begin = (segment * 6 + number) * 8000
            words.append(Word(f" w{segment}.{number}", begin, begin + 7000, 0.5))
            final = number == 5
            text = "".join(word.text for word in words)
            journal.caption(Caption(segment, text, "", final, (words[-1],), words[0].start, begin, "en"))
            say(words[-1].text.strip())
            journal.sync_if_due(segment / 10)


def say(line: str) -> None:
    """Send one line, at once."""
    os.write(1, f"{line}\n".encode())


for line in sys.stdin:
    if (writer := os.fork()) == 0:
        write(Path(line.strip()))
    os.waitpid(writer, 0)
    say("gone")
