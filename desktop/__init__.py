"""The program a person sees: capture, overlay, windows, terminal."""
