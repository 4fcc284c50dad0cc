"""When each token was said, from the attention of a reference model: openai/whisper `timing.py`, step by step."""

import json
from pathlib import Path

import numpy as np

from tests.reference import torch

MEDIAN = 7  # positions


def alignment_heads(folder: Path) -> list[tuple[int, int]]:
    """Return the layer and number of each head whose attention follows the sound."""
    return [tuple(pair) for pair in json.loads((folder / "config.json").read_text())["alignment_heads"]]


def decoded(model, states: np.ndarray, tokens: list[int], heads: list[tuple[int, int]]):
    """Give a decoder its tokens all at once.

    Args:
        model: From `tests.reference`.
        states: float32 [positions, width] of the encoder.
        tokens: Prompt, task and text.
        heads: Whose attention is wanted.

    Returns:
        logits [tokens, vocabulary], and the attention [heads, tokens, positions].
    """
    with torch.inference_mode():
        found = model.model.decoder(
            input_ids=torch.tensor([tokens]),
            encoder_hidden_states=torch.from_numpy(states)[None],
            output_attentions=True,
        )
        logits = model.proj_out(found.last_hidden_state)[0]
    return logits.numpy(), np.stack([found.cross_attentions[layer][0, head].numpy() for layer, head in heads])


def smoothed(attention: np.ndarray, positions: int) -> np.ndarray:
    """Return the mean of the heads over what was heard: [tokens, positions].

    Each head is softmax over these positions alone, then how much more than usual a token attends to each of them
    (the usual: over all tokens), then a running median.
    """
    heard = attention[:, :, :positions]
    heard = heard / heard.sum(axis=2, keepdims=True)
    unusual = (heard - heard.mean(axis=1, keepdims=True)) / heard.std(axis=1, keepdims=True)
    edge = MEDIAN // 2
    padded = np.pad(unusual, ((0, 0), (0, 0), (edge, edge)), mode="reflect")
    return np.median(np.lib.stride_tricks.sliding_window_view(padded, MEDIAN, axis=2), axis=3).mean(axis=0)


def warped(matrix: np.ndarray) -> list[tuple[int, int]]:
    """Return the path of dynamic time warping through most attention: (token, position), both never falling."""
    tokens, positions = matrix.shape
    cost = np.full((tokens + 1, positions + 1), np.inf)
    cost[0, 0] = 0
    for i, j in np.ndindex(tokens, positions):
        cost[i + 1, j + 1] = min(cost[i, j], cost[i, j + 1], cost[i + 1, j]) - matrix[i, j]
    i, j, path = tokens, positions, []
    while i and j:
        path.append((i - 1, j - 1))
        before = {(i - 1, j - 1): cost[i - 1, j - 1], (i - 1, j): cost[i - 1, j], (i, j - 1): cost[i, j - 1]}
        i, j = min(before, key=before.__getitem__)
    return path[::-1]
