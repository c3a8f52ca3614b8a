"""How much each hyperparameter of a study matters."""

from __future__ import annotations

from raytune_suite.importance.study import judged_fidelities, study_importance

__all__ = ["judged_fidelities", "study_importance"]
