"""The captions on top of everything: what stands on which line, and how it is painted."""
