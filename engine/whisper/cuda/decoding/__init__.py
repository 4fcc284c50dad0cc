"""From what was heard to words with their times."""
