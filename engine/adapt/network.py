"""A Whisper that can be trained (openai/whisper, `model.py`, MIT): the items of a step laid end to end.

Sounds and texts differ in length. Padded, a short one would cost as much as the longest, and every attention and
convolution would need a mask. So linear layers see the positions of all items in one row, and attention and
convolutions see one item at a time: nothing is computed in vain, and each item is what it would be alone.

Parameters go by CTranslate2's names, a dot for each slash; `engine.whisper.cuda.model.dims` lists them.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint as recomputed

from engine.adapt.layers import DecoderLayer, EncoderLayer, Lengths, Norm, Places
from engine.whisper.cuda.model.dims import KERNEL, Dims, shapes
from engine.whisper.cuda.model.weights import Checkpoint

# The embeddings are the last projection as well, and the original's own words are read with them.
_STAYS = ("encoder/", "decoder/embeddings/", "decoder/position_encodings/")

Through = Callable[..., Any]  # calls a layer with what is given


class Reading(NamedTuple):  # no dataclass: torch looks for tensors in what a module returns
    """What a network makes of sounds and the texts that belong to them.

    Attributes:
        hidden: [tokens of all items, width]: normalised, to be multiplied with the embeddings.
        attention: Of each item float32 [alignment heads, tokens, positions]: log-probabilities.
    """

    hidden: Tensor
    attention: tuple[Tensor, ...]


class Network(nn.Module):
    """Encoder and decoder; float32 parameters.

    Args:
        dims: The shape.

    Attributes:
        dims: As given.
        frugal: Whether what a layer computed is thrown away and computed again on the way back.
    """

    def __init__(self, dims: Dims) -> None:
        super().__init__()
        self.dims = dims
        self.frugal = False
        self.encoder, self.decoder = Encoder(dims), Decoder(dims)

    def forward(self, spectra: Sequence[Tensor], texts: Sequence[Tensor]) -> Reading:
        """Read the texts of so many sounds, teacher-forced.

        Args:
            spectra: Of each item the log-mel [mels, 2 × positions], positions at most `dims.positions`.
            texts: Of each item int64 [tokens], at most `dims.tokens`.
        """
        through = _recomputed if self.frugal else _once
        positions = [spectrum.shape[1] // 2 for spectrum in spectra]
        states = self.encoder(spectra, positions, through)
        reading: Reading = self.decoder(texts, states, positions, through)
        return reading

    def share(self, embeddings: Tensor) -> None:
        """Use an original's embeddings [vocabulary, width], which are never changed, if they are float32 as well."""
        if embeddings.dtype == torch.float32:
            self.decoder.embeddings.weight = nn.Parameter(embeddings, requires_grad=False)

    def own_parameters(self) -> Iterator[nn.Parameter]:
        """Yield the parameters that belong to no layer."""
        held = {
            id(each) for side in (self.encoder, self.decoder) for layer in side.layers for each in layer.parameters()
        }
        return (each for each in self.parameters() if id(each) not in held)


class Encoder(nn.Module):
    """Log-mel spectrograms → states of 20 ms."""

    def __init__(self, dims: Dims) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(dims.mels, dims.width, KERNEL, padding=1)
        self.conv2 = nn.Conv1d(dims.width, dims.width, KERNEL, stride=2, padding=1)
        self.position_encodings = Places(dims.positions, dims.width)
        self.layers = _numbered(self, [EncoderLayer(dims) for _ in range(dims.encoder_layers)])
        self.layer_norm = Norm(dims.width)

    def forward(self, spectra: Sequence[Tensor], positions: Lengths, through: Through) -> Tensor:
        """Return [positions of all items, width]."""
        x = torch.cat([self._entered(spectrum) for spectrum in spectra])
        for layer in self.layers:
            x = through(layer, x, positions)
        return self.layer_norm(x)

    def _entered(self, spectrum: Tensor) -> Tensor:
        x = functional.gelu(self.conv1(spectrum[None]))
        x = functional.gelu(self.conv2(x))[0].T
        return x + self.position_encodings.encodings[: len(x)]


class Decoder(nn.Module):
    """Tokens and states of the sound → what comes next, and where the alignment heads look."""

    def __init__(self, dims: Dims) -> None:
        super().__init__()
        self.embeddings = nn.Embedding(dims.vocabulary, dims.width)
        self.position_encodings = Places(dims.tokens, dims.width)
        watched = [
            [head for layer, head in dims.alignment_heads if layer == index] for index in range(dims.decoder_layers)
        ]
        self.layers = _numbered(self, [DecoderLayer(dims, heads) for heads in watched])
        self.layer_norm = Norm(dims.width)

    def forward(self, texts: Sequence[Tensor], states: Tensor, positions: Lengths, through: Through) -> Reading:
        """Read the texts over the states [positions of all items, width]."""
        x = torch.cat([self._entered(text) for text in texts])
        tokens = [len(text) for text in texts]
        looks: list[tuple[Tensor, ...]] = []
        for layer in self.layers:
            x, look = through(layer, x, tokens, states, positions)
            looks.append(look)
        return Reading(self.layer_norm(x), tuple(torch.cat(item) for item in zip(*looks, strict=True)))

    def _entered(self, text: Tensor) -> Tensor:
        return self.embeddings(text) + self.position_encodings.encodings[: len(text)]


def trainable(checkpoint: Checkpoint, device: torch.device) -> Network:
    """Return a network with a checkpoint's weights, as float32 of its own."""
    with torch.device("meta"):  # what it would fill itself with takes longer
        network = Network(checkpoint.dims)
    state = {}
    for name in shapes(checkpoint.dims):
        held = checkpoint.tensor(name)
        state[_attribute(name)] = torch.empty(held.shape, dtype=torch.float32, device=device).copy_(held)
    network.load_state_dict(state, assign=True)
    for name, parameter in named(network):
        parameter.requires_grad_(not stays(name))
    return network


def stays(name: str) -> bool:
    """Whether a weight, by CTranslate2's name, is never changed."""
    return name.startswith(_STAYS)


def named(network: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    """Yield every parameter by CTranslate2's name."""
    for name, parameter in network.named_parameters():
        yield name.replace(".", "/"), parameter


def _attribute(name: str) -> str:
    return name.replace("/", ".")


def _numbered(side: nn.Module, layers: list[nn.Module]) -> tuple[nn.Module, ...]:
    """Give a side its layers, by CTranslate2's names."""
    for index, layer in enumerate(layers):
        side.add_module(f"layer_{index}", layer)
    return tuple(layers)


def _once(layer: nn.Module, *given: Any) -> Any:
    return layer(*given)


def _recomputed(layer: nn.Module, *given: Any) -> Any:
    return recomputed(layer, *given, use_reentrant=False)
