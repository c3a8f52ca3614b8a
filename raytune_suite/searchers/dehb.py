"""DEHB: differential evolution with a subpopulation per fidelity (Awad et al. 2021, "DEHB: Evolutionary Hyperband for
Scalable, Robust and Efficient Hyperparameter Optimization", IJCAI).

The brackets are Hyperband's. Each fidelity keeps a subpopulation as large as the most configs that a bracket trains
there. The very first bracket is plain successive halving from random configs. Every config thereafter is a trial vector
of DE/rand/1/bin: its parents are the best of the fidelity below in its bracket, and it takes its target's place unless
it is worse. A free worker gets the next config of the oldest bracket that has one, or opens a bracket; it never waits.

Where the package dehb 0.1.2 differs: there all brackets of the first iteration promote, by a global counter that
parallel runs advance early; the first population is not evaluated as it is; evaluations in flight are lost on a
restore. `sizes="hpbandster"` gives its numbers of configs.
"""  # noqa: D205 - the title does not fit into one line

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, NamedTuple, Unpack, final

import numpy as np

from raytune_suite import rungs
from raytune_suite.errors import ArgumentError, SpaceError
from raytune_suite.searchers import _evolution as de
from raytune_suite.searchers.base import AskTellSearcher, SearcherArgs
from raytune_suite.spaces import FEATURES
from raytune_suite.types import FIDELITY, Verdict

if TYPE_CHECKING:
    from raytune_suite.rungs import Rung, Sizes
    from raytune_suite.searchers._evolution import Vector
    from raytune_suite.spaces import Space
    from raytune_suite.types import Config, Observation


class Member(NamedTuple):
    """One config of a rung.

    Attributes:
        vector: Its point in the unit cube.
        slot: Its place in the subpopulation, where its target is.
        donor: The paused trial that trains it further, or None for a new one.
    """

    vector: Vector
    slot: int
    donor: str | None = None


class Trained(NamedTuple):
    """A member that has reached its rung: its loss, its trial, and whether that is paused and could go on."""

    member: Member
    loss: float
    trial_id: str
    paused: bool


@dataclass(eq=False)
class Bracket:
    """One way up a ladder of rungs.

    Attributes:
        plan: Its rungs, the lowest first.
        plain: Whether it is plain successive halving; else its configs are evolved.
        waiting: The members of the current rung that are yet to be handed out; of an evolving bracket only those that
            were handed out in vain.
        unmade: How many members of the current rung are yet to be evolved.
        size: How many members the current rung has.
        rung: The index of the current rung.
        trained: Those that have reached it.
    """

    plan: list[Rung]
    plain: bool
    waiting: list[Member]
    unmade: int
    size: int
    rung: int = 0
    trained: list[Trained] = field(default_factory=list)

    @property
    def fidelity(self) -> int:
        """The resource of the current rung."""
        return self.plan[self.rung].resource

    def advance(self, *, resume: bool) -> bool:
        """Go to the next rung; False if there is none.

        A plain bracket takes its best along, ties in the order of their slots.
        """
        if self.rung + 1 == len(self.plan):
            return False
        self.rung += 1
        self.size = self.unmade = self.plan[self.rung].configs
        if self.plain:
            by_trial = {done.trial_id: done for done in sorted(self.trained, key=lambda done: done.member.slot)}
            best = rungs.survivors({name: done.loss for name, done in by_trial.items()}, self.size)
            self.waiting = [
                Member(by_trial[name].member.vector, slot, name if resume and by_trial[name].paused else None)
                for slot, name in enumerate(best)
            ]
            self.size, self.unmade = len(best), 0
        self.trained = []
        return self.size > 0


@final
class DEHBSearcher(AskTellSearcher):
    """DEHB. A config says under `FIDELITY` how far it is to be trained; the scheduler "assigned" sees to that.

    Attributes:
        verdicts: What shall become of paused trials; the scheduler takes them from here.
    """

    features: ClassVar[frozenset[str]] = frozenset(FEATURES) - {"grid"}
    multi_fidelity: ClassVar[bool] = True
    assigns: ClassVar[bool] = True

    def __init__(
        self,
        *,
        min_t: int = 1,
        eta: float = 3,
        sizes: Sizes = "paper",
        mutation_factor: float = 0.5,
        crossover_probability: float = 0.5,
        resume: bool = False,
        **args: Unpack[SearcherArgs],
    ) -> None:
        """`min_t` is the least resource of a rung, `eta` the reduction factor; `sizes` see `rungs.hyperband`.

        With `resume`, a config that the first bracket promotes goes on from its checkpoint; the paper trains it anew.

        Raises:
            ArgumentError: If an argument cannot be used, or `max_t` is missing.
        """
        max_t = args.get("max_t")
        if max_t is None:
            raise ArgumentError("DEHBSearcher needs `max_t`: the most resource that a trial may have")
        if not 0 < mutation_factor <= 2:  # noqa: PLR2004 - Storn & Price's range
            raise ArgumentError(f"`mutation_factor` is {mutation_factor!r}, but must be above 0 and at most 2")
        if not 0 <= crossover_probability <= 1:
            raise ArgumentError(f"`crossover_probability` is {crossover_probability!r}, but must be from 0 to 1")
        self.plans = rungs.hyperband(min_t, max_t, eta, sizes)
        self.mutation_factor, self.crossover_probability = mutation_factor, crossover_probability
        self.resume = resume
        self.verdicts: list[Verdict] = []
        self._brackets: list[Bracket] = []
        self._opened = 0
        self._jobs: dict[str, tuple[Bracket, Member]] = {}
        args["levels"] = [rung.resource for rung in self.plans[0]]
        super().__init__(**args)

    def setup(self, space: Space) -> None:
        """Draw the populations; the configs to evaluate first take the first places of the lowest one."""
        if FIDELITY in space.names or FIDELITY in space.constants:
            raise SpaceError(f"the space has an entry {FIDELITY!r}, where the searcher writes the fidelity: rename it")
        sizes: dict[int, int] = {}
        for rung in (rung for plan in self.plans for rung in plan):
            sizes[rung.resource] = max(rung.configs, sizes.get(rung.resource, 0))
        self._cube = space
        self._populations = {level: de.Population.random(size, len(space), self.rng) for level, size in sizes.items()}
        lowest = self._populations[self.plans[0][0].resource].vectors
        self._given, self._first = dict(enumerate(self._first)), []
        if len(self._given) > len(lowest):
            raise ArgumentError(
                f"`points_to_evaluate` has {len(self._given)} configs, but the first rung {len(lowest)}"
            )
        for slot, config in self._given.items():
            units = space.encode(config)
            lowest[slot] = np.where(np.isnan(units), lowest[slot], units)

    def ask(self) -> Config | None:
        """The next config and its fidelity; None where a paused trial is to go on instead."""
        bracket = next((one for one in self._brackets if one.waiting or one.unmade), None) or self._open()
        if bracket.waiting:
            member = bracket.waiting.pop(0)
        else:
            bracket.unmade -= 1
            member = self._evolve(bracket)
        self._jobs[member.donor or self.asking] = (bracket, member)
        if member.donor is not None:
            self.verdicts.append(Verdict(member.donor, bracket.fidelity))
            return None
        first = bracket.plain and bracket.rung == 0
        config = self._given.get(member.slot) if first else None
        return {**(config or self._cube.decode(member.vector)), FIDELITY: bracket.fidelity}

    def tell(self, observation: Observation) -> None:
        """Take the loss of a config that has reached its fidelity, or has ended before."""
        name, paused = observation.trial_id, not observation.final
        if name not in self._jobs or (paused and observation.resource < self._jobs[name][0].fidelity):
            return
        bracket, member = self._jobs.pop(name)
        self._populations[bracket.fidelity].select(member.slot, member.vector, observation.loss)
        bracket.trained.append(Trained(member, observation.loss, name, paused))
        if paused and not bracket.plain:
            self.verdicts.append(Verdict(name, None))
        if len(bracket.trained) == bracket.size:
            self._finish_rung(bracket)

    def dropped(self, trial_id: str) -> None:
        """Hand its config out again."""
        if trial_id in self._jobs:
            bracket, member = self._jobs.pop(trial_id)
            bracket.waiting.append(member)

    def _open(self) -> Bracket:
        plan = self.plans[self._opened % len(self.plans)]
        plain, size = self._opened == 0, plan[0].configs
        waiting = [
            Member(vector, slot)
            for slot, vector in enumerate(self._populations[plan[0].resource].vectors[:size])
            if plain
        ]
        self._brackets.append(Bracket(plan, plain, waiting, unmade=size - len(waiting), size=size))
        self._opened += 1
        return self._brackets[-1]

    def _finish_rung(self, bracket: Bracket) -> None:
        """Take the bracket to its next rung; what it does not take along ends."""
        trained = bracket.trained
        if not bracket.advance(resume=self.resume):
            self._brackets.remove(bracket)
        if bracket.plain:
            donors = {member.donor for member in bracket.waiting}
            self.verdicts += [
                Verdict(one.trial_id, None) for one in trained if one.paused and one.trial_id not in donors
            ]

    def _evolve(self, bracket: Bracket) -> Member:
        """A trial vector for the next target of the rung's fidelity.

        Its parents come from the fidelity of the rung below, as many of the best as this rung has configs; on the first
        rung they come from its own fidelity.
        """
        here = self._populations[bracket.fidelity]
        below = self._populations[bracket.plan[max(0, bracket.rung - 1)].resource]
        everyone = np.concatenate([population.evaluated for population in self._populations.values()])
        pool = de.parent_pool(below.best(bracket.plan[bracket.rung].configs), everyone, self.rng)
        slot = here.target()
        mutant = de.rand_1(pool, self.mutation_factor, self.rng)
        child = de.binomial_crossover(here.vectors[slot], mutant, self.crossover_probability, self.rng)
        return Member(de.repair(child, self.rng), slot)
