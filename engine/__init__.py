"""The captioning engine: sound in, captions and transcripts out.

It knows no window and no device: `engine` imports neither Qt nor `desktop`, and importing it loads no torch.
"""
