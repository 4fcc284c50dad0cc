"""Whisper itself: models, features, tokens, recognisers."""
