"""Searchers propose configs. Each is an ordinary Ray Tune `Searcher` and can be used on its own.

There is one file per searcher. To add one, write a final subclass of `AskTellSearcher` and register it below; the
conformance suite then covers it. Other packages register theirs through the entry-point group
`raytune_suite.searchers`.
"""

from __future__ import annotations

from raytune_suite.registry import Registry
from raytune_suite.searchers.base import AskTellSearcher

__all__ = ["SEARCHERS", "AskTellSearcher"]

SEARCHERS: Registry[type[AskTellSearcher]] = Registry("searcher", group="raytune_suite.searchers", base=AskTellSearcher)
SEARCHERS.add("random", "raytune_suite.searchers.random:RandomSearcher")
SEARCHERS.add("sobol", "raytune_suite.searchers.sobol:SobolSearcher")
SEARCHERS.add("grid", "raytune_suite.searchers.grid:GridSearcher")
SEARCHERS.add("tpe", "raytune_suite.searchers.tpe:TPESearcher")
SEARCHERS.add("gp", "raytune_suite.searchers.gp:GPSearcher")
SEARCHERS.add("kde", "raytune_suite.searchers.kde:KDESearcher")
SEARCHERS.add("hyperopt", "raytune_suite.searchers.hyperopt:HyperoptSearcher")
SEARCHERS.add("bayesopt", "raytune_suite.searchers.bayesopt:BayesOptSearcher")
SEARCHERS.add("optuna", "raytune_suite.searchers.optuna:OptunaSearcher")
SEARCHERS.add("forest", "raytune_suite.searchers.forest:ForestSearcher")
SEARCHERS.add("mfes", "raytune_suite.searchers.mfes:MFESSearcher")
SEARCHERS.add("mobster", "raytune_suite.searchers.mobster:MobsterSearcher")
SEARCHERS.add("cqr", "raytune_suite.searchers.cqr:CQRSearcher")
SEARCHERS.add("priorband", "raytune_suite.searchers.priorband:PriorBandSearcher")
SEARCHERS.add("dehb", "raytune_suite.searchers.dehb:DEHBSearcher")
SEARCHERS.add("random-fidelity", "raytune_suite.searchers.random_fidelity:RandomFidelitySearcher")
