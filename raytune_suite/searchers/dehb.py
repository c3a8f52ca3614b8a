"""DEHB: differential evolution with a subpopulation per fidelity (Awad et al. 2021, "DEHB: Evolutionary Hyperband for
Scalable, Robust and Efficient Hyperparameter Optimization", IJCAI).

The brackets are those of Hyperband. Each fidelity has a subpopulation, whose size is the largest number of configs that
any bracket trains there. The very first bracket is plain successive halving of random configs. After that, configs are
trial vectors of DE/rand/1/bin: their parents are the best configs of the next lower fidelity in the bracket, and a
trial vector replaces its target unless it is worse. A free worker gets the next config of the oldest bracket that has
one, or opens a bracket; it never waits.

The paper evolves every rung after the first bracket (`promotions="first-bracket"`). The package dehb 0.1.2 promotes the
best configs unchanged in all brackets of the first iteration. In our measurements this finds good configs sooner
(benchmarks/results/reference_parity.md), so it is the default here. In that package, however, a global counter ends the
promotions, which parallel runs advance too early; the first population is not evaluated as it was drawn; and running
evaluations are lost on a restore. `sizes="hpbandster"` selects the package's numbers of configs.
"""  # noqa: D205 - the title does not fit into one line

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple, Unpack, final, get_args

import numpy as np

from raytune_suite import rungs
from raytune_suite.errors import ArgumentError
from raytune_suite.models import differential_evolution as de
from raytune_suite.searchers.base import COMMON, AskTellSearcher, SearcherArgs
from raytune_suite.spaces import FEATURES
from raytune_suite.types import COUNT, FIDELITY, PromotionDecision
from raytune_suite.validation import checked, flag, number, one_of

if TYPE_CHECKING:
    from collections.abc import Collection

    from raytune_suite.models.differential_evolution import Vector
    from raytune_suite.rungs import Rung, Sizes
    from raytune_suite.spaces import Space
    from raytune_suite.types import Config, Observation


Promotions = Literal["first-bracket", "first-iteration"]
"""Which brackets promote their best configs unchanged."""


class Member(NamedTuple):
    """One config of a rung.

    Attributes:
        vector: Its point in the unit cube.
        slot: The index of its target in the subpopulation.
        donor: The paused trial that continues its training; None for a new trial.
        config: The config itself if it comes from the user, else None.
    """

    vector: Vector
    slot: int
    donor: str | None = None
    config: Config | None = None


class Trained(NamedTuple):
    """A member that has been trained to its rung, with its loss and the id of its trial."""

    member: Member
    loss: float
    trial_id: str


@dataclass(eq=False)
class DEHBBracket:
    """A bracket of DEHB in progress.

    Attributes:
        plan: Its rungs, the lowest first.
        promotes: Whether it promotes its best configs unchanged, as plain successive halving does.
        waiting: The members of the current rung that exist and have not been proposed yet.
        to_evolve: The number of members of the current rung that have not been evolved yet.
        size: The number of members of the current rung.
        rung: The index of the current rung.
        trained: The members that have been trained to the current rung.
    """

    plan: list[Rung]
    promotes: bool
    waiting: list[Member]
    to_evolve: int
    size: int
    rung: int = 0
    trained: list[Trained] = field(default_factory=list)

    @property
    def fidelity(self) -> int:
        """The resource of the current rung."""
        return self.plan[self.rung].resource

    @property
    def has_place(self) -> bool:
        """Whether it has members of its first rung that the user's configs can replace."""
        return self.rung == 0 and (self.to_evolve > 0 or any(member.config is None for member in self.waiting))

    def take_place(self) -> int | None:
        """Leave out the next member that can be replaced; return its slot, or None if it has not been evolved yet."""
        for index, member in enumerate(self.waiting):
            if member.config is None:
                return self.waiting.pop(index).slot
        self.to_evolve -= 1
        return None

    def advance(self, donors: Collection[str]) -> bool:
        """Move on to the next rung; return False if there is none, or if no member is left.

        If the bracket promotes, ties go to the lower slot, and members whose trial is among the `donors` are resumed.
        """
        if self.rung + 1 == len(self.plan):
            return False
        self.rung += 1
        self.size = self.to_evolve = self.plan[self.rung].configs
        if self.promotes:
            by_trial = {done.trial_id: done for done in sorted(self.trained, key=lambda done: done.member.slot)}
            best = rungs.survivors({name: done.loss for name, done in by_trial.items()}, self.size)
            self.waiting = [
                by_trial[name].member._replace(slot=slot, donor=name if name in donors else None)
                for slot, name in enumerate(best)
            ]
            self.size, self.to_evolve = len(best), 0
        self.trained = []
        return self.size > 0


@final
class DEHBSearcher(AskTellSearcher):
    """DEHB. Its configs hold, under `FIDELITY`, how far to train them; the scheduler "assigned" enforces that.

    Attributes:
        promotion_decisions: The decisions about paused trials; the scheduler reads and clears them.
    """

    features: ClassVar[frozenset[str]] = frozenset(FEATURES) - {"grid"}
    learns: ClassVar[bool] = False
    multi_fidelity: ClassVar[bool] = True
    assigns: ClassVar[bool] = True

    @checked(
        **COMMON,
        min_t=COUNT,
        eta=rungs.ETA,
        sizes=rungs.SIZES,
        promotions=one_of(*get_args(Promotions)),
        mutation_factor=number(above=0, most=2),  # Storn & Price's range
        crossover_probability=number(least=0, most=1),
        resume=flag(),
    )
    def __init__(
        self,
        *,
        min_t: int = 1,
        eta: float = 3,
        sizes: Sizes = "paper",
        promotions: Promotions = "first-iteration",
        mutation_factor: float = 0.5,
        crossover_probability: float = 0.5,
        resume: bool = False,
        **args: Unpack[SearcherArgs],
    ) -> None:
        """Create the searcher.

        Args:
            min_t: The least resource of a rung.
            eta: The reduction factor.
            sizes: How many configs the first rungs have, see `rungs.hyperband`.
            promotions: Which brackets promote their best configs unchanged before evolution takes over: only the very
                first one, or all of the first iteration.
            mutation_factor: The factor F of the mutation, above 0 and at most 2.
            crossover_probability: The probability that a coordinate comes from the mutant.
            resume: Whether a promoted config continues from its checkpoint. The paper trains it from scratch.
            args: See `SearcherArgs`; `max_t` is required.

        Raises:
            ArgumentError: If an argument is invalid, `max_t` is missing, or there is only one fidelity.
        """
        max_t = args.get("max_t")
        if max_t is None:
            raise ArgumentError("DEHBSearcher needs `max_t`, the maximum resource of a trial")
        self.plans = rungs.hyperband(min_t, max_t, eta, sizes)
        if len(self.plans) == 1:
            raise ArgumentError(
                f"`max_t` is {max_t}, but must be at least `min_t` * `eta`, which is {min_t * eta:g}: "
                "with only one fidelity there is only one config to evolve; use tpe or random"
            )
        self._promoting = 1 if promotions == "first-bracket" else len(self.plans)
        self.mutation_factor, self.crossover_probability = mutation_factor, crossover_probability
        self.resume = resume
        self.promotion_decisions: list[PromotionDecision] = []
        self._brackets: list[DEHBBracket] = []
        self._opened = 0
        self._jobs: dict[str, tuple[DEHBBracket, Member]] = {}
        args["levels"] = None  # a single report may pass several rungs
        super().__init__(**args)

    def setup(self, space: Space) -> None:
        """Draw the initial populations."""
        sizes: dict[int, int] = {}
        for rung in (rung for plan in self.plans for rung in plan):
            sizes[rung.resource] = max(rung.configs, sizes.get(rung.resource, 0))
        self._cube = space
        self._populations = {
            level: de.Subpopulation.random(size, len(space), self.rng) for level, size in sizes.items()
        }
        first = self.plans[0][0]  # if `eta` is small, a later bracket may have more configs at this fidelity
        lowest = self._populations[first.resource].vectors[: first.configs]
        self._initial = [Member(vector, slot) for slot, vector in enumerate(lowest.copy())]

    def ask(self) -> Config:
        """Return the next config with its fidelity."""
        bracket = next((one for one in self._brackets if one.waiting or one.to_evolve), None) or self._open_bracket()
        if bracket.waiting:
            member = bracket.waiting.pop(0)
        else:
            bracket.to_evolve -= 1
            member = self._evolve(bracket)
        self._jobs[self.trial_id] = (bracket, member)
        return {**(member.config or self._cube.decode(member.vector)), FIDELITY: bracket.fidelity}

    def tell(self, observation: Observation) -> None:
        """Record the loss of a config that has been trained to its fidelity, or has ended earlier."""
        name, paused = observation.trial_id, not observation.final
        if name not in self._jobs or (paused and observation.resource < self._jobs[name][0].fidelity):
            return
        bracket, member = self._jobs.pop(name)
        self._populations[bracket.fidelity].select(member.slot, member.vector, observation.loss)
        bracket.trained.append(Trained(member, observation.loss, name))
        if paused and not bracket.promotes:
            self.promotion_decisions.append(PromotionDecision(name, None))
        if len(bracket.trained) == bracket.size:
            self._finish_rung(bracket)

    def dropped(self, trial_id: str) -> None:
        """Propose the trial's config again."""
        if trial_id in self._jobs:
            bracket, member = self._jobs.pop(trial_id)
            bracket.waiting.append(member)

    def _place(self, config: Config) -> Config:
        """Let the user's config take the place of the next member of a first rung, in the oldest such bracket."""
        bracket = next((one for one in self._brackets if one.has_place), None) or self._open_bracket()
        here, place = self._populations[bracket.fidelity], bracket.take_place()
        slot = here.target() if place is None else place
        units = self._cube.encode(config)
        vector = np.where(np.isnan(units), here.vectors[slot], units)
        self._jobs[self.trial_id] = (bracket, Member(vector, slot, config=config))
        return {**config, FIDELITY: bracket.fidelity}

    def _open_bracket(self) -> DEHBBracket:
        """Add the next bracket of the iteration."""
        plan = self.plans[self._opened % len(self.plans)]
        size, promotes = plan[0].configs, self._opened < self._promoting
        waiting, self._initial = self._initial, []
        self._brackets.append(DEHBBracket(plan, promotes, waiting, to_evolve=size - len(waiting), size=size))
        self._opened += 1
        return self._brackets[-1]

    def _finish_rung(self, bracket: DEHBBracket) -> None:
        """Move the bracket to its next rung, and decide which of its paused trials are resumed there."""
        paused = [one.trial_id for one in bracket.trained if bracket.promotes and one.trial_id in self._live]
        if not bracket.advance(paused if self.resume else ()):
            self._brackets.remove(bracket)
        resumed = {member.donor: member for member in bracket.waiting if member.donor is not None}
        bracket.waiting = [member for member in bracket.waiting if member.donor is None]
        self._jobs |= {name: (bracket, member) for name, member in resumed.items()}
        self.promotion_decisions += [PromotionDecision(name, None) for name in paused if name not in resumed]
        self.promotion_decisions += [PromotionDecision(name, bracket.fidelity) for name in resumed]

    def _evolve(self, bracket: DEHBBracket) -> Member:
        """Create a trial vector for the next target of the rung's fidelity.

        Its parents are the best configs of the fidelity of the rung below, as many as this rung has configs; on the
        first rung they are those of its own fidelity.
        """
        here = self._populations[bracket.fidelity]
        below = self._populations[bracket.plan[max(0, bracket.rung - 1)].resource]
        everyone = np.concatenate([population.evaluated for population in self._populations.values()])
        pool = de.parent_pool(below.best(bracket.plan[bracket.rung].configs), everyone, self.rng)
        slot = here.target()
        mutant = de.rand_1(pool, self.mutation_factor, self.rng)
        child = de.binomial_crossover(here.vectors[slot], mutant, self.crossover_probability, self.rng)
        return Member(de.repair(child, self.rng), slot)
