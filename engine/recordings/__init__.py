"""Whole recordings: files in, transcripts out, as fast as the machine can."""
