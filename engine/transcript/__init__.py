"""What is kept: the journal on disk, the library of sessions, the exports."""
