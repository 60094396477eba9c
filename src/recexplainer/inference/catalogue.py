"""Decoding that cannot leave the catalogue: after each beam only tokens that lead to the end of a title."""

from itertools import zip_longest

import numpy as np
import torch
from transformers import LogitsProcessor

DONE, ROOT = 0, 1
"""Nodes of the tree of titles: where a beam may do nothing but end, and where every beam starts."""


class CatalogueConstraint(LogitsProcessor):
    """Let a beam go on only with tokens that lead to the end of a title of the catalogue.

    The titles are a tree, and the tree is three sorted arrays, so that all beams take a step at once and a catalogue
    of 100,000 titles costs no more per step than one of a hundred.

    Args:
        titles: the token ids of every title, without the end-of-sequence token.
        eos: the end-of-sequence token.
    """

    def __init__(self, titles: list[list[int]], eos: int) -> None:
        # An edge is the number (node << 32) + token. Nodes are numbered level by level, so that edges come sorted.
        edges, children = [np.array([(DONE << 32) + eos])], [np.array([DONE])]
        nodes, count = np.full(len(titles), ROOT), 2
        for tokens in zip_longest(*([*title, eos] for title in titles), fillvalue=-1):
            tokens = np.array(tokens)
            going = np.flatnonzero(tokens >= 0)
            level, inverse = np.unique((nodes[going] << 32) + tokens[going], return_inverse=True)
            ends = (level & 0xFFFFFFFF) == eos
            child = np.where(ends, DONE, count + np.cumsum(~ends) - 1)
            nodes[going] = child[inverse]
            edges.append(level)
            children.append(child)
            count += int((~ends).sum())
        self._edges = torch.from_numpy(np.concatenate(edges))
        self._children = torch.from_numpy(np.concatenate(children))

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Set the scores ``(beams, vocabulary)`` of tokens that leave the catalogue to minus infinity."""
        edges = self._edges = self._edges.to(scores.device)
        children = self._children = self._children.to(scores.device)
        nodes = torch.full((len(input_ids),), ROOT, device=scores.device)
        for tokens in input_ids.T.contiguous():
            # A finished beam, or one that the search keeps only to fill its width, may go nowhere but end.
            wanted = (nodes << 32) + tokens
            place = torch.searchsorted(edges, wanted).clamp(max=len(edges) - 1)
            nodes = torch.where(edges[place] == wanted, children[place], DONE)
        first, last = torch.searchsorted(edges, torch.stack([nodes, nodes + 1]) << 32)
        counts = last - first
        rows = torch.repeat_interleave(counts)
        chosen_edges = torch.arange(len(rows), device=scores.device) + (first + counts - counts.cumsum(0))[rows]
        allowed = edges[chosen_edges] & 0xFFFFFFFF
        result = torch.full_like(scores, -torch.inf)
        result[rows, allowed] = scores[rows, allowed]
        return result
