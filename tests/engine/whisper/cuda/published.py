"""Whisper in every shape that was published, with random weights, by Hugging Face's implementation."""

from functools import partial

from engine.whisper.cuda.model.stacked import Stored
from engine.whisper.cuda.model.weights import Checkpoint, from_published
from tests.reference import torch, transformers

# mel bands, width, encoder layers, decoder layers, vocabulary: the published config.json of each.
SHAPES = {
    "tiny.en": (80, 384, 4, 4, 51864),
    "tiny": (80, 384, 4, 4, 51865),
    "base": (80, 512, 6, 6, 51865),
    "small": (80, 768, 12, 12, 51865),
    "medium": (80, 1024, 24, 24, 51865),
    "large-v1 and large-v2": (80, 1280, 32, 32, 51865),
    "large-v3": (128, 1280, 32, 32, 51866),
    "large-v3-turbo": (128, 1280, 32, 4, 51866),
    "distil-small.en": (80, 768, 12, 4, 51864),
    "distil-medium.en": (80, 1024, 24, 2, 51864),
    "distil-large-v2": (80, 1280, 32, 2, 51865),
    "distil-large-v3": (128, 1280, 32, 2, 51866),
}
SMALL = (80, 128, 2, 3, 300)
POSITIONS = 60  # of the random ones, so that a test takes a second; real models are shown all 1500


def config(shape, positions=POSITIONS, layers=99):
    """Return the configuration of a shape, its depth cut to so many layers."""
    mels, width, encoder, decoder, vocabulary = shape
    heads = width // 64
    found = transformers.WhisperConfig(
        num_mel_bins=mels,
        d_model=width,
        encoder_layers=min(encoder, layers),
        decoder_layers=min(decoder, layers),
        encoder_attention_heads=heads,
        decoder_attention_heads=heads,
        encoder_ffn_dim=4 * width,
        decoder_ffn_dim=4 * width,
        vocab_size=vocabulary,
        max_source_positions=positions,
        pad_token_id=vocabulary - 1,
        bos_token_id=vocabulary - 1,
        eos_token_id=vocabulary - 1,
        decoder_start_token_id=vocabulary - 1,
    )
    found._attn_implementation = "eager"  # the one that returns its weights
    return found


def random_model(shape, seed=0, **kwargs):
    """Return a `WhisperForConditionalGeneration` whose layers neither fade nor explode."""
    make = torch.Generator().manual_seed(seed)
    with torch.device("meta"):  # what it would fill itself with takes longer
        model = transformers.WhisperForConditionalGeneration(config(shape, **kwargs))
    state = {}
    for name, empty in model.state_dict().items():
        value = torch.empty(empty.shape).uniform_(-1, 1, generator=make)
        if "layer_norm" in name and name.endswith("weight"):
            value = 1 + value / 4
        elif value.dim() > 1 and "embed" not in name:
            value *= (3 / value[0].numel()) ** 0.5
        state[name] = value
    state["proj_out.weight"] = state["model.decoder.embed_tokens.weight"]
    model.load_state_dict(state, assign=True)
    model.tie_weights()
    return model.eval()


def checkpoint_of(model) -> Checkpoint:
    """Return a model in memory as what would be read of its folder."""
    stored = {name: Stored(tuple(value.shape), partial(_same, value)) for name, value in model.state_dict().items()}
    return from_published(stored, {"encoder_attention_heads": model.config.encoder_attention_heads})


def _same(value):
    return value.detach()
