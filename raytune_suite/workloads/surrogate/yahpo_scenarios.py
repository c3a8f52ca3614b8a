"""The scenarios of YAHPO Gym: the order of each surrogate's inputs and outputs, which is not in its files.

Source: F. Pfisterer, L. Schneider, J. Moosbauer, M. Binder, B. Bischl, "YAHPO Gym - An Efficient Multi-Objective
Multi-Fidelity Benchmark for Hyperparameter Optimization" (AutoML 2022), and the package yahpo-gym 1.0.2, folder
`benchmarks`. The scenario nb301 is left out, since it has no instances.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from raytune_suite.types import Mode


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """One surrogate: a learner on many data sets.

    Attributes:
        name: Its name, which is also the folder of its files.
        about: A description of the trainings that it predicts.
        instance: The parameter that names the data set.
        instances: The values of that parameter if they are known without the files, else ().
        continuous: The numeric inputs in the surrogate's order.
        categorical: The categorical inputs in the surrogate's order.
        outputs: The outputs in the surrogate's order.
        metric: The output to optimize.
        mode: Whether the metric is minimized or maximized.
        runtime: The output with the seconds of a training.
        fidelity: The numeric input that is the resource.
        fraction: Whether the fidelity is a fraction of the training data; otherwise it is a number of epochs.
        fixed: Other fidelities with the values at which they are fixed.
    """

    name: str
    about: str
    instance: str
    instances: tuple[str, ...] = ()
    continuous: tuple[str, ...]
    categorical: tuple[str, ...]
    outputs: tuple[str, ...]
    metric: str
    mode: Mode
    runtime: str
    fidelity: str
    fraction: bool
    fixed: Mapping[str, float] = field(default_factory=dict)


LCBENCH_TASKS = (
    *("3945", "7593", "34539", "126025", "126026", "126029", "146212", "167104", "167149", "167152", "167161"),
    *("167168", "167181", "167184", "167185", "167190", "167200", "167201", "168329", "168330", "168331", "168335"),
    *("168868", "168908", "168910", "189354", "189862", "189865", "189866", "189873", "189905", "189906", "189908"),
    "189909",
)

XGBOOST = (
    *("nrounds", "eta", "gamma", "lambda", "alpha", "subsample", "max_depth", "min_child_weight"),
    *("colsample_bytree", "colsample_bylevel", "rate_drop", "skip_drop"),
)
RPART = ("cp", "maxdepth", "minbucket", "minsplit")
GLMNET = ("alpha", "s")

Inputs = dict[str, tuple[tuple[str, ...], tuple[str, ...]]]
"""The numeric and the categorical inputs of each learner."""

RBV2: Inputs = {
    "svm": (("cost", "gamma", "tolerance", "degree"), ("kernel",)),
    "glmnet": (GLMNET, ()),
    "rpart": (RPART, ()),
    "ranger": (
        ("num.trees", "sample.fraction", "mtry.power", "min.node.size", "num.random.splits"),
        ("respect.unordered.factors", "splitrule"),
    ),
    "aknn": (("k", "M", "ef", "ef_construction"), ("distance",)),
    "xgboost": (XGBOOST, ("booster",)),
}

IAML: Inputs = {
    "ranger": (
        ("num.trees", "sample.fraction", "mtry.ratio", "min.node.size", "num.random.splits"),
        ("replace", "respect.unordered.factors", "splitrule"),
    ),
    "rpart": (RPART, ()),
    "glmnet": (GLMNET, ()),
    "xgboost": (XGBOOST, ("booster",)),
}


def together(learners: Inputs) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the inputs of the scenario that also chooses the learner: those of all learners, named "learner.input"."""
    continuous = tuple(f"{learner}.{name}" for learner, (names, _) in learners.items() for name in names)
    categorical = tuple(f"{learner}.{name}" for learner, (_, names) in learners.items() for name in names)
    return continuous, categorical


def lcbench() -> Scenario:
    """Return the scenario LCBench: learning curves over epochs."""
    return Scenario(
        name="lcbench",
        about="a small network, epoch by epoch",
        instance="OpenML_task_id",
        instances=LCBENCH_TASKS,
        continuous=(
            *("epoch", "batch_size", "learning_rate", "momentum", "weight_decay", "num_layers", "max_units"),
            "max_dropout",
        ),
        categorical=("OpenML_task_id",),
        outputs=(
            *("time", "val_accuracy", "val_cross_entropy", "val_balanced_accuracy", "test_cross_entropy"),
            "test_balanced_accuracy",
        ),
        metric="val_accuracy",
        mode="max",
        runtime="time",
        fidelity="epoch",
        fraction=False,
    )


def rbv2(learner: str) -> Scenario:
    """Return the scenario of a learner of the random bot.

    The fidelities are the fraction of the training data and the number of repetitions, at most 10.
    """
    continuous, categorical = together(RBV2) if learner == "super" else RBV2[learner]
    chooser = ("learner_id",) if learner == "super" else ()
    return Scenario(
        name=f"rbv2_{learner}",
        about=f"{learner} on shares of the training data",
        instance="task_id",
        continuous=(*continuous, "trainsize", "repl"),
        categorical=("task_id", *chooser, *categorical, "num.impute.selected.cpo"),
        outputs=("acc", "bac", "auc", "brier", "f1", "logloss", "timetrain", "timepredict", "memory"),
        metric="acc",
        mode="max",
        runtime="timetrain",
        fidelity="trainsize",
        fraction=True,
        fixed={"repl": 10},
    )


def iaml(learner: str) -> Scenario:
    """Return the scenario of a learner of the study on interpretable models.

    The fidelity is the fraction of the training data.
    """
    continuous, categorical = together(IAML) if learner == "super" else IAML[learner]
    chooser = ("learner",) if learner == "super" else ()
    return Scenario(
        name=f"iaml_{learner}",
        about=f"{learner} on shares of the training data",
        instance="task_id",
        continuous=(*continuous, "trainsize"),
        categorical=("task_id", *chooser, *categorical),
        outputs=(
            *("mmce", "f1", "auc", "logloss", "ramtrain", "rammodel", "rampredict", "timetrain", "timepredict"),
            *("mec", "ias", "nf"),
        ),
        metric="mmce",
        mode="min",
        runtime="timetrain",
        fidelity="trainsize",
        fraction=True,
    )


SCENARIOS: dict[str, Scenario] = {
    scenario.name: scenario
    for scenario in (
        lcbench(),
        *(rbv2(learner) for learner in (*RBV2, "super")),
        *(iaml(learner) for learner in (*IAML, "super")),
    )
}
"""The scenarios by name."""
