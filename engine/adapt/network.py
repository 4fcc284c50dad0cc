"""The decoder of a Whisper that can be trained (openai/whisper, `model.py`, MIT): a step's items laid end to end.

The encoder is the original's, and stays: it hears a short window as it is. What a stock model lacks there is the
silence behind, on which its decoder rests its look; given that (`Context.FILLED`), it errs as little as padded. An
encoder that is trained as well makes a step longer, and unlearns more than it learns.

Sounds and texts differ in length. Padded, a short one would cost as much as the longest, and every attention would need
a mask. So linear layers see the tokens of all items in one row, and attention sees one item at a time: nothing is
computed in vain, and each item is what it would be alone.

Parameters go by CTranslate2's names, a dot for each slash; `engine.whisper.cuda.model.dims` lists them.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint as recomputed

from engine.adapt.layers import DecoderLayer, Lengths, Norm, Places
from engine.whisper.cuda.model.dims import Dims, shapes
from engine.whisper.cuda.model.weights import Checkpoint

# The embeddings are the last projection as well, and the original's own words are read with them.
FROZEN = ("decoder/embeddings/weight", "decoder/position_encodings/encodings")

Through = Callable[..., Any]  # calls a layer with what is given


class Reading(NamedTuple):  # no dataclass: torch looks for tensors in what a module returns
    """What a network makes of texts and the sounds they belong to.

    Attributes:
        hidden: [tokens of all items, width]: normalised, to be multiplied with the embeddings.
        attention: Of each item float32 [alignment heads, tokens, positions]: log-probabilities.
    """

    hidden: Tensor
    attention: tuple[Tensor, ...]


class Network(nn.Module):
    """The decoder; float32 parameters.

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
        self.decoder = Decoder(dims)

    def forward(self, states: Sequence[Tensor], texts: Sequence[Tensor]) -> Reading:
        """Read the texts of so many sounds, teacher-forced.

        Args:
            states: Of each item what the encoder made of it, [positions, width].
            texts: Of each item int64 [tokens], at most `dims.tokens`.
        """
        through = _recomputed if self.frugal else _once
        reading: Reading = self.decoder(texts, torch.cat(list(states)), [len(each) for each in states], through)
        return reading

    def share(self, embeddings: Tensor) -> None:
        """Use an original's embeddings [vocabulary, width], which are never changed, if they are float32 as well."""
        if embeddings.dtype == torch.float32:
            self.decoder.embeddings.weight = nn.Parameter(embeddings, requires_grad=False)


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
    """Return the decoder of a checkpoint, its weights as float32 of its own."""
    with torch.device("meta"):  # what it would fill itself with takes longer
        network = Network(checkpoint.dims)
    state = {}
    for name in decoders(checkpoint.dims):
        held = checkpoint.tensor(name)
        state[_attribute(name)] = torch.empty(held.shape, dtype=torch.float32, device=device).copy_(held)
    network.load_state_dict(state, assign=True)
    for name in FROZEN:
        network.get_parameter(_attribute(name)).requires_grad_(requires_grad=False)
    return network


def decoders(dims: Dims) -> dict[str, tuple[int, ...]]:
    """Return the shape of every parameter by CTranslate2's name."""
    return {name: shape for name, shape in shapes(dims).items() if name.startswith("decoder/")}


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
