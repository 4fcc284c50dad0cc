"""Whisper itself: its shape, its weights, what is computed with them, what they take."""
