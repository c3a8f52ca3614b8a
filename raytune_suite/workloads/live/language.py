"""A synthetic language with known entropy: what "live/gpt-language" learns to predict.

The language is a hidden Markov source in which the state and the symbol together determine the next state (a unifilar
source), so that its entropy is known exactly. Each sentence starts in state 0. Hence a model that reads a sentence from
its start can know the state, and no model can be better than the mean entropy of the states that occur.

Source: Shannon 1948, "A Mathematical Theory of Communication", section 7, theorem 5, for the entropy of such a source.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from raytune_suite.seeding import stream

if TYPE_CHECKING:
    from numpy.typing import NDArray

SYMBOLS, STATES, BRANCHES, MEMORY = 64, 32, 8, 4
"""The number of symbols, of states, of symbols that are possible in a state, and of states after a symbol."""


@dataclass(frozen=True, eq=False)
class Language:
    """A source.

    Attributes:
        probabilities: The probability of each symbol in each state, of shape (states, symbols).
        following: The state after each symbol in each state, of shape (states, symbols).
    """

    probabilities: NDArray[np.float64]
    following: NDArray[np.int64]

    @classmethod
    def random(cls, seed: int) -> Language:
        """Draw a source. In each state `BRANCHES` symbols are possible, with probabilities by Zipf's law (rank to a negative
        power, which differs between states). A symbol leads to one of `MEMORY` states, which depends on the state before it:
        the last symbol tells much of the state, the one before it more, and so on.
        """
        states, symbols, branches = STATES, SYMBOLS, BRANCHES
        draws = stream(seed, "gpt-language", "source")
        probabilities = np.zeros((states, symbols))
        for state in range(states):
            possible = draws.permutation(symbols)[:branches]
            probabilities[state, possible] = np.arange(1, branches + 1) ** -draws.uniform(0.5, 2.5)
        probabilities /= probabilities.sum(axis=1, keepdims=True)
        after = draws.integers(states, size=(MEMORY, symbols))
        return cls(probabilities, after[np.arange(states) % MEMORY])

    @property
    def state_entropies(self) -> NDArray[np.float64]:
        """The entropy of the next symbol in each state, in nats, of shape (states,)."""
        logs = np.log(self.probabilities, where=self.probabilities > 0, out=np.zeros_like(self.probabilities))
        entropies: NDArray[np.float64] = -(self.probabilities * logs).sum(axis=1)
        return entropies

    @property
    def transitions(self) -> NDArray[np.float64]:
        """The probability of each next state, of shape (states, states)."""
        states = len(self.probabilities)
        matrix = np.zeros((states, states))
        for state in range(states):
            np.add.at(matrix[state], self.following[state], self.probabilities[state])
        return matrix

    def entropy_rate(self) -> float:
        """The entropy per symbol of an endless sentence, in nats: that of the states, weighted as they occur."""
        share = np.zeros(len(self.probabilities))
        share[0] = 1
        total = np.zeros_like(share)
        rounds = 4096  # the mean over time, which converges even if the states recur periodically
        for _ in range(rounds):
            share = share @ self.transitions_cached
            total += share
        return float(total @ self.state_entropies / rounds)

    @functools.cached_property
    def transitions_cached(self) -> NDArray[np.float64]:
        """`transitions`, computed once."""
        return self.transitions

    def best_loss(self, length: int) -> float:
        """The mean entropy per symbol of a sentence of this length: the least expected cross-entropy of any model."""
        share = np.zeros(len(self.probabilities))
        share[0] = 1
        total = 0.0
        for _ in range(length):
            total += float(share @ self.state_entropies)
            share = share @ self.transitions_cached
        return total / length

    def sentences(self, count: int, length: int, *names: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Draw sentences; returns the symbols (count, length), and the states (count, length) before each of them."""
        draws = stream(0, "gpt-language", *names)
        cumulative = self.probabilities.cumsum(axis=1)
        state = np.zeros(count, dtype=np.int64)
        symbols, states = (np.empty((count, length), dtype=np.int64) for _ in range(2))
        for position in range(length):
            states[:, position] = state
            above = draws.random(count)[:, None] >= cumulative[state]
            symbols[:, position] = np.minimum(above.sum(axis=1), self.probabilities.shape[1] - 1)
            state = self.following[state, symbols[:, position]]
        return symbols, states
