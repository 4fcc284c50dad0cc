"""The window with the controls, and the transcript of the running session."""
