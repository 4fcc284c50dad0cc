"""The GPU engine: Whisper in torch for NVIDIA GPUs. Nothing else in the engine needs torch."""
