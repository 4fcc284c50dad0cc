"""What telephones and streams do to sound: encoded and decoded again in memory, no sample later than it was.

The codecs are those of PyAV. What the sound is behind its codec is measured once for each, by cross-correlation with
noise: encoders look ahead, and few tell how far. µ-law needs no library.
"""

from dataclasses import dataclass
from functools import cache

import av
import numpy as np

from engine.audio.resample import Resampler
from engine.records import AudioBlock, Samples
from engine.units import SAMPLE_RATE

MU = 255.0  # ITU-T G.711
LATEST = 4096  # samples that a codec may be behind: MP3 at 16 kHz is by 1105 and a frame


@dataclass(frozen=True, slots=True)
class Codec:
    """A way of coding speech.

    Attributes:
        name: As people call it.
        encoder: FFmpeg's.
        decoder: FFmpeg's.
        rate: Hz of what is encoded.
        bit_rates: It is used with, a second.
    """

    name: str
    encoder: str
    decoder: str
    rate: int
    bit_rates: tuple[int, ...]

    @property
    def here(self) -> bool:
        """Whether this build of FFmpeg has it."""
        try:
            av.codec.Codec(self.encoder, "w")
            av.codec.Codec(self.decoder, "r")
        except av.codec.codec.UnknownCodecError:
            return False
        return True


CODECS = (
    Codec("Opus", "libopus", "libopus", 16_000, (8_000, 12_000, 16_000, 24_000)),
    Codec("MP3", "libmp3lame", "mp3float", 16_000, (16_000, 24_000, 32_000, 48_000)),
    Codec("AMR", "libopencore_amrnb", "libopencore_amrnb", 8_000, (5_900, 7_950, 12_200)),
    Codec("G.722", "g722", "g722", 16_000, (64_000,)),
)


def coded(sound: Samples, codec: Codec, bit_rate: int) -> Samples:
    """Return a sound encoded and decoded, float32 of the same length, in step with what went in."""
    return _aligned(_round_trip(sound, codec, bit_rate), _delay(codec, bit_rate), len(sound))


def mu_law(sound: Samples) -> Samples:
    """Return a sound as a telephone hands it on: 8 kHz, 8 bits of µ-law; float32 of the same length."""
    narrow = resampled(sound, SAMPLE_RATE, SAMPLE_RATE // 2)
    squeezed = np.sign(narrow) * np.log1p(MU * np.abs(np.clip(narrow, -1, 1))) / np.log1p(MU)
    steps = np.round(squeezed * 127) / 127
    heard = np.sign(steps) * np.expm1(np.abs(steps) * np.log1p(MU)) / MU
    return _aligned(resampled(heard.astype(np.float32), SAMPLE_RATE // 2, SAMPLE_RATE), 0, len(sound))


def read_g722(data: bytes) -> Samples:
    """Return bare G.722 as sound, float32 [n], 16 kHz: what telephone systems store prompts as."""
    decoder = av.CodecContext.create("g722", "r")
    decoder.sample_rate, decoder.layout = SAMPLE_RATE, "mono"
    return _sound(decoder.decode(av.Packet(data))) if data else np.empty(0, np.float32)


def resampled(sound: Samples, rate: int, wanted: int) -> Samples:
    """Return mono sound at another rate, one of which is 16 kHz."""
    if rate == wanted:
        return sound
    if wanted == SAMPLE_RATE:
        resampler = Resampler(rate)
        return np.concatenate([resampler.feed(AudioBlock(sound[:, None].copy(), rate)), resampler.finish()])
    return _thinned(sound, rate // wanted)


def _thinned(sound: Samples, factor: int) -> Samples:
    """Return every `factor`-th sample of what is left below the new rate's half."""
    spectrum = np.fft.rfft(sound)
    spectrum[int(len(spectrum) * 0.95 / factor) :] = 0
    return np.fft.irfft(spectrum, len(sound))[::factor].astype(np.float32)


def _round_trip(sound: Samples, codec: Codec, bit_rate: int) -> Samples:
    encoder = av.CodecContext.create(codec.encoder, "w")
    encoder.sample_rate, encoder.layout, encoder.bit_rate = codec.rate, "mono", bit_rate
    encoder.format = encoder.codec.audio_formats[0]
    encoder.open()
    pcm = (np.clip(resampled(sound, SAMPLE_RATE, codec.rate), -1, 1) * 32767).astype(np.int16)
    packets = []
    size = encoder.frame_size or len(pcm)
    to_format = av.AudioResampler(encoder.format, "mono", codec.rate, size)
    frame = av.AudioFrame.from_ndarray(np.pad(pcm, (0, size + LATEST))[None], "s16", "mono")
    frame.sample_rate = codec.rate
    for part in to_format.resample(frame):
        packets += encoder.encode(part)
    packets += encoder.encode(None)
    decoder = av.CodecContext.create(codec.decoder, "r")
    decoder.sample_rate, decoder.layout = codec.rate, "mono"
    if encoder.extradata:
        decoder.extradata = encoder.extradata
    frames = [frame for packet in packets for frame in decoder.decode(packet)]
    return resampled(_sound(frames), frames[0].sample_rate, SAMPLE_RATE)


def _sound(frames: "list[av.AudioFrame]") -> Samples:
    """Return mono frames as float32 [n] at their own rate."""
    arrays = [frame.to_ndarray().reshape(-1) for frame in frames]
    whole = np.concatenate(arrays) if arrays else np.empty(0, np.float32)
    return (whole / 32768 if whole.dtype == np.int16 else whole).astype(np.float32)


@cache
def _delay(codec: Codec, bit_rate: int) -> int:
    """Return by how many samples the sound is behind its codec."""
    noise = np.zeros(SAMPLE_RATE, np.float32)
    noise[: SAMPLE_RATE // 2] = np.random.default_rng(0).normal(0, 0.1, SAMPLE_RATE // 2)
    noise = _without_treble(noise)
    late = _round_trip(noise, codec, bit_rate)
    size = 1 << (len(late) + len(noise)).bit_length()
    likeness = np.fft.irfft(np.fft.rfft(late, size) * np.conj(np.fft.rfft(noise, size)), size)
    return int(np.argmax(likeness[:LATEST]))


def _without_treble(noise: Samples) -> Samples:
    """Return noise without what narrow codecs leave out: it would blur the peak."""
    spectrum = np.fft.rfft(noise)
    spectrum[int(len(spectrum) * 0.4) :] = 0
    return np.fft.irfft(spectrum, len(noise)).astype(np.float32)


def _aligned(sound: Samples, late: int, length: int) -> Samples:
    """Return `length` samples from `late` on; silence where there are none."""
    kept = sound[late : late + length]
    return np.pad(kept, (0, length - len(kept)))
