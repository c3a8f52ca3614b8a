"""The synthetic language: its entropy is that of the definition, and no model is better than it."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from raytune_suite.workloads.live.language import BRANCHES, SYMBOLS, Language, least_loss

SMALL = Language(
    probabilities=np.array([[0.5, 0.25, 0.25], [0.9, 0.1, 0.0], [0.0, 0.3, 0.7]]),
    following=np.array([[0, 1, 2], [2, 0, 0], [1, 1, 0]]),
)


def probability(language: Language, sentence: tuple[int, ...]) -> float:
    """The probability of a sentence by the forward algorithm of a hidden Markov model."""
    states = len(language.probabilities)
    forward = np.eye(states)[0]
    for symbol in sentence:
        weighted, forward = forward * language.probabilities[:, symbol], np.zeros(states)
        np.add.at(forward, language.following[:, symbol], weighted)
    return float(forward.sum())


@pytest.mark.parametrize("length", [1, 2, 5])
def test_the_best_loss_is_the_entropy_of_all_sentences_per_symbol(length: int) -> None:
    values = [probability(SMALL, sentence) for sentence in itertools.product(range(3), repeat=length)]
    assert sum(values) == pytest.approx(1)
    entropy = -sum(value * np.log(value) for value in values if value > 0)
    assert SMALL.best_loss(length) == pytest.approx(entropy / length)


@pytest.mark.parametrize("language", [SMALL, Language.random(0)], ids=["small", "random"])
def test_the_entropy_rate_is_that_of_the_stationary_distribution(language: Language) -> None:
    values, vectors = np.linalg.eig(language.transitions.T)
    stationary = np.real(vectors[:, np.argmax(np.real(values))])
    rate = stationary @ language.state_entropies / stationary.sum()
    assert language.entropy_rate() == pytest.approx(rate, abs=1e-3)
    assert language.best_loss(2000) == pytest.approx(rate, abs=2e-3)


def test_each_state_has_as_many_symbols_as_documented() -> None:
    probabilities = Language.random(0).probabilities
    assert np.allclose(probabilities.sum(axis=1), 1)
    assert ((probabilities > 0).sum(axis=1) == BRANCHES).all()


def test_drawn_sentences_have_the_entropy_of_the_language_and_are_repeatable() -> None:
    language = Language.random(0)
    symbols, states = language.sentences(1000, 32, "test")
    assert (language.following[states[:, :-1], symbols[:, :-1]] == states[:, 1:]).all()
    surprise = -np.log(language.probabilities[states, symbols])
    assert surprise.mean() == pytest.approx(language.best_loss(32), abs=0.03)
    assert (language.sentences(1000, 32, "test")[0] == symbols).all()
    assert (language.sentences(1000, 32, "other")[0] != symbols).any()


def test_the_least_loss_of_the_validation_sentences_is_close_to_the_expected_one() -> None:
    assert least_loss(64) == pytest.approx(Language.random(0).best_loss(64), abs=0.03)
    assert least_loss(64) < np.log(BRANCHES) < np.log(SYMBOLS)
