"""How far a student is from what it shall be: in its words, and in where it looks.

The words: Kullback-Leibler divergence from the original's distribution, at the start of the transcript and before every
token of the text and its end (Hinton et al., 2015, https://arxiv.org/abs/1503.02531, at temperature 1). Where nobody
speaks: from a distribution that gives `<|nospeech|>` at the start, and the end of text behind the opening, all but a
little that every token shares (Szegedy et al., 2015, https://arxiv.org/abs/1512.00567, section 7): a student that was
never allowed a doubt would be sure where it is wrong. Of a text that a person told: the same from its tokens, and
nothing at the start.

Where it looks: the divergence from the attention of the original's alignment heads, as far as the student's positions
reach. It is the one that punishes where the original looks and the student does not, so that a sharp look stays sharp.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from engine.adapt.network import Reading
from engine.adapt.teacher import Target

SMOOTHING = 0.1  # of the probability, where nobody speaks or a person told what was said
ROWS = 64  # places whose logits are held at a time: [64, 51,865] in float32 is 13 MB
LEAST = 1e-6  # of attention: where the original looked at nothing the student is shown, nothing is learned

Truth = Callable[[slice], Tensor]  # float32 log-probabilities [rows, vocabulary]


@dataclass(frozen=True, slots=True)
class Loss:
    """How far a student is from its targets: means over places, then over items.

    Attributes:
        words: Of what it says, in nats.
        silence: The same where nobody speaks.
        attention: Of where it looks, in nats.
    """

    words: Tensor
    silence: Tensor
    attention: Tensor


@dataclass(frozen=True, slots=True)
class Judge:
    """Measures a student.

    Attributes:
        embeddings: [vocabulary, width], of original and student; in the type that the logits are to be computed in.
        no_speech: `<|nospeech|>`.
    """

    embeddings: Tensor
    no_speech: int

    def loss(self, reading: Reading, targets: Sequence[Target]) -> Loss:
        """Return the sum over items, each the mean over its places.

        Args:
            reading: What the student made of the tokens of these targets.
            targets: Of each item.
        """
        nothing = reading.hidden.new_zeros((), dtype=torch.float32)
        words, silence, attention = nothing, nothing, nothing
        texts = reading.hidden.split([len(target.tokens) for target in targets])
        for target, hidden, look in zip(targets, texts, reading.attention, strict=True):
            places = hidden[list(target.places)]
            if target.hidden is not None:
                words = words + self._from_words(target.hidden, places)
            elif target.told:
                words = words + self._from_labels([target.tokens[place + 1] for place in target.places], places)
            else:
                silence = silence + self._from_silence(target, places)
            if target.attention is not None:
                attention = attention + _from_look(target.attention, look[:, target.first - 1 : -1])
        return Loss(words, silence, attention)

    def _from_words(self, original: Tensor, hidden: Tensor) -> Tensor:
        def truth(rows: slice) -> Tensor:
            return _logits(original[rows], self.embeddings).log_softmax(1)

        return divergence(hidden, self.embeddings, truth)

    def _from_silence(self, target: Target, hidden: Tensor) -> Tensor:
        # Where start and opening are one place, it is the place to say that nobody speaks.
        said = [self.no_speech if place == target.start else target.tokens[place + 1] for place in target.places]
        return self._from_labels(said, hidden)

    def _from_labels(self, said: Sequence[int], hidden: Tensor) -> Tensor:
        wanted = torch.tensor(said, device=hidden.device)
        count = len(self.embeddings)

        def truth(rows: slice) -> Tensor:
            sure = functional.one_hot(wanted[rows], count).float()
            return (sure * (1 - SMOOTHING) + SMOOTHING / count).log()

        return divergence(hidden, self.embeddings, truth)


def divergence(hidden: Tensor, embeddings: Tensor, truth: Truth) -> Tensor:
    """Return how far the words of hidden states are from the truth: nats, the mean over places.

    Logits of a few places at a time are computed, and the gradient with them: the embeddings stay, so that it is all
    that the way back needs of them. Whole, they would be held several times over.

    Args:
        hidden: [places, width].
        embeddings: [vocabulary, width]; no gradient reaches them.
        truth: Returns the log-probabilities of some places.
    """
    found: Tensor = _Divergence.apply(hidden, embeddings, truth)
    return found


class _Divergence(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, hidden: Tensor, embeddings: Tensor, truth: Truth) -> Tensor:
        total = hidden.new_zeros((), dtype=torch.float32)
        gradient = torch.empty_like(hidden)
        with torch.autocast(hidden.device.type, enabled=False):
            for first in range(0, len(hidden), ROWS):
                rows = slice(first, first + ROWS)
                true = truth(rows)
                said = _logits(hidden[rows], embeddings).log_softmax(1)
                total += functional.kl_div(said, true, reduction="sum", log_target=True)
                excess = said.exp_().sub_(true.exp_())
                gradient[rows] = excess.to(embeddings.dtype) @ embeddings
        ctx.save_for_backward(gradient.div_(len(hidden)))
        return total / len(hidden)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (gradient,) = ctx.saved_tensors
        return gradient * gradients[0], None, None


def _logits(hidden: Tensor, embeddings: Tensor) -> Tensor:
    """Return float32 [places, vocabulary]."""
    return functional.linear(hidden.to(embeddings.dtype), embeddings).float()


def _from_look(original: Tensor, student: Tensor) -> Tensor:
    """Return how far a student's attention is from the original's: nats, the mean over heads and tokens.

    Args:
        original: [heads, tokens, positions], probabilities of which some may be missing.
        student: Of the same shape, log-probabilities.
    """
    seen = original.sum(2, keepdim=True).clamp(min=LEAST)
    # Weighted with what it saw there: a token whose sound the student is not shown says nothing of where to look.
    far = torch.xlogy(original, original / seen) - original * student
    return far.sum(2).mean()
