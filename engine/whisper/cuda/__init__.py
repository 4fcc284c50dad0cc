"""Whisper in torch, FP16 on an NVIDIA GPU: made for one live stream first, for whole recordings second.

    sound → model, over kernels → decoding → recognizer, slots
    device: streams, events, captured graphs      proof: that they are in order
    loading: is there room, are the numbers right (checkup), does it hear

All of it runs on the processor too, with the plain operations on the host device: that is how it is tested.
"""
