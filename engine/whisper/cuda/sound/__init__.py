"""From a window's samples to what the decoder may attend to."""
