"""Whisper in torch, FP16 on an NVIDIA GPU: made for one live stream first, for whole recordings second.

    weights → model over operations (kernels) → search → recognizer
    sound ──────▲                                 device: streams, events, captured graphs
    loading: is there room (budget), are the numbers right (checkup), does it hear

All of it runs on the processor too, with the plain operations on the host device: that is how it is tested.
"""
