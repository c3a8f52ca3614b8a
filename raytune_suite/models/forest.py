"""An extremely randomized regression forest for mixed and conditional points (Geurts et al. 2006, "Extremely
Randomized Trees", Machine Learning 63:3), with variances and quantiles.

Each node draws one random threshold per parameter and takes the best of these splits. A category is split at a
threshold of random numbers that are assigned to its options at the node, so that any subset of the options may go left.
An inactive number lies below all values, an inactive category counts as one more option. All trees grow together, level
by level, on index arrays.
"""  # noqa: D205 - the title does not fit into one line

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy import sparse

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from raytune_suite.models.layout import Array, Counts, Mask

    Indices = NDArray[np.int64]

LEAST_VARIANCE = 1e-6
"""The smallest variance of a prediction (Hutter et al. 2014, "Algorithm runtime prediction", section 4.2, have .01)."""

_ROUNDING = 1e-14
"""The variance up to which losses count as equal."""

_INACTIVE = -1.0
"""The value of an inactive number."""


@dataclass(frozen=True, eq=False)
class Forest:
    """Trees in shared arrays with one entry per node; the roots come first.

    Attributes:
        options: The number of options of each column; 0 for a number.
        features: The column of each node's split; -1 at a leaf.
        thresholds: The largest value that goes left.
        left_options: Whether each option goes left, of shape (nodes, options); only where the split is on a category.
        children: The left child of each node; the right one follows it.
        means: The mean of the training losses in each node.
        variances: Their variance.
        members: The nodes of the training rows: a sparse matrix of shape (nodes, rows) that counts how often a row was
            drawn into a leaf.
        trees: The number of trees.
    """

    options: Counts
    features: Indices
    thresholds: Array
    left_options: Mask
    children: Indices
    means: Array
    variances: Array
    members: sparse.csr_array
    trees: int

    def leaves(self, points: Array) -> Indices:
        """Return the leaf of each point in each tree, of shape (points, trees)."""
        values = _values(points, self.options)
        count, columns = values.shape
        flat = values.ravel()
        nodes = np.tile(np.arange(self.trees), count)
        open_ = np.arange(count * self.trees)
        rows = np.repeat(np.arange(count) * columns, self.trees)
        while len(open_):
            here = nodes[open_]
            feature = self.features[here]
            inner = feature >= 0
            open_, here, feature = open_[inner], here[inner], feature[inner]
            value = flat[rows[open_] + feature]
            left = value <= self.thresholds[here]
            choice = np.flatnonzero(self.options[feature])
            left[choice] = self.left_options[here[choice], value[choice].astype(np.int64)]
            nodes[open_] = self.children[here] + ~left
        return np.asarray(nodes.reshape(count, self.trees))

    def predict(self, points: Array) -> tuple[Array, Array]:
        """Return means and variances, of shape (points,).

        By the law of total variance, the variance is the mean variance within leaves plus the variance of the means
        between trees (Hutter et al. 2014, eq. 2).
        """
        leaves = self.leaves(points)
        means = self.means[leaves]
        variance = self.variances[leaves].mean(axis=1) + means.var(axis=1)
        return means.mean(axis=1), np.maximum(variance, LEAST_VARIANCE)

    def sample(self, points: Array, count: int, rng: np.random.Generator) -> Array:
        """Draw functions from the forest, each of them the mean of a bootstrap sample of the trees: (count, points)."""
        means = self.means[self.leaves(points)]
        weights = rng.multinomial(self.trees, np.full(self.trees, 1 / self.trees), size=count) / self.trees
        return np.asarray(weights @ means.T)

    def weights(self, points: Array, leaves: Indices | None = None) -> Array:
        """Return the weight of each training row in the predictions (Meinshausen 2006, "Quantile Regression Forests",
        JMLR 7, eq. 5), of shape (points, rows).

        Args:
            points: The points.
            leaves: Their leaves if they are known; a leaf of -1 is left out.
        """  # noqa: D205 - the title does not fit into one line
        leaves = self.leaves(points) if leaves is None else leaves
        used = leaves >= 0
        owner, _ = np.nonzero(used)
        shape = (len(points), len(self.means))
        visits = sparse.csr_array((np.ones(len(owner)), (owner, leaves[used])), shape=shape)
        sizes = np.asarray(self.members.sum(axis=1))
        scaled = sparse.diags_array(1 / np.maximum(sizes, 1)) @ self.members
        dense = np.asarray((visits @ scaled).toarray())
        return np.asarray(dense / np.maximum(dense.sum(axis=1, keepdims=True), 1e-300))

    def out_of_bag(self, points: Array) -> Indices:
        """Return the leaves of the training points, of shape (points, trees); -1 where a tree was grown with a point.

        Args:
            points: The points with which the forest was grown, in the same order.
        """
        leaves = self.leaves(points)
        rows = np.repeat(np.arange(len(points)), self.trees)
        drawn = np.asarray(self.members[leaves.ravel(), rows]).reshape(leaves.shape) > 0
        return np.asarray(np.where(drawn, -1, leaves))


def quantiles(weights: Array, losses: Array, levels: Array) -> Array:
    """Return the quantiles of weighted losses, of shape (points, levels).

    Args:
        weights: The weights of the losses for each point, of shape (points, rows), each row with the sum 1.
        losses: The losses, of shape (rows,).
        levels: The quantile levels.
    """
    order = np.argsort(losses, kind="stable")
    cumulative = np.cumsum(weights[:, order], axis=1)
    last = len(losses) - 1
    places = [np.minimum(np.count_nonzero(cumulative < level - 1e-12, axis=1), last) for level in levels]
    return np.asarray(losses[order][np.stack(places, axis=1)])


class Split(NamedTuple):
    """The best random split of each node of a level.

    Attributes:
        features: The columns; -1 where no column can be split.
        thresholds: The largest values that go left.
        left_options: Whether each option goes left, of shape (nodes, options).
    """

    features: Indices
    thresholds: Array
    left_options: Mask


def grow(
    points: Array,
    losses: Array,
    options: Counts,
    rng: np.random.Generator,
    *,
    trees: int = 24,
    min_split: int = 2,
) -> Forest:
    """Grow a forest.

    Args:
        points: The points (`Layout`), of shape (n, dimensions); inactive entries are NaN.
        losses: The losses, of shape (n,), finite.
        options: The number of options of each column; 0 for a number.
        rng: The random stream.
        trees: The number of trees.
        min_split: The least number of rows of a node that is split.
    """
    values, count = _values(points, options), len(points)
    rows = rng.integers(count, size=(trees, count)).ravel()  # bootstrap samples; sorted by node from here on
    nodes = np.repeat(np.arange(trees), count)
    parts: list[tuple[Split, Indices, Array, Array]] = []
    leaf_nodes, leaf_rows = [], []
    first, size = 0, trees
    while size:
        mean, variance, sizes = _moments(losses[rows], nodes - first, size)
        splittable = (sizes >= min_split) & (variance > 0)
        split = _best_splits(values[rows], losses[rows], nodes - first, splittable, options, rng)
        inner = split.features >= 0
        children = np.where(inner, first + size + 2 * (np.cumsum(inner) - 1), -1)
        parts.append((split, children, mean, variance))
        stays = ~inner[nodes - first]
        leaf_nodes.append(nodes[stays])
        leaf_rows.append(rows[stays])
        rows, nodes = rows[~stays], nodes[~stays] - first
        right = ~_goes_left(values[rows], nodes, split, options)
        nodes = children[nodes] + right
        order = np.argsort(nodes, kind="stable")
        rows, nodes = rows[order], nodes[order]
        first, size = first + size, 2 * int(inner.sum())
    leaf, row = np.concatenate(leaf_nodes), np.concatenate(leaf_rows)
    members = sparse.coo_array((np.ones(len(leaf)), (leaf, row)), shape=(first, count)).tocsr()
    return Forest(
        options,
        np.concatenate([split.features for split, *_ in parts]),
        np.concatenate([split.thresholds for split, *_ in parts]),
        np.concatenate([split.left_options for split, *_ in parts]),
        np.concatenate([children for _, children, *_ in parts]),
        np.concatenate([mean for *_, mean, _ in parts]),
        np.concatenate([variance for *_, variance in parts]),
        members,
        trees,
    )


def _values(points: Array, options: Counts) -> Array:
    """Replace NaN: by `_INACTIVE` for a number, by one more option for a category."""
    return np.where(np.isnan(points), np.where(options > 0, options, _INACTIVE), points)


def _moments(losses: Array, nodes: Indices, size: int) -> tuple[Array, Array, Array]:
    """Return the mean and the variance of the losses in each node, and their number."""
    sizes = np.bincount(nodes, minlength=size).astype(np.float64)
    mean = np.bincount(nodes, losses, minlength=size) / sizes
    variance = np.bincount(nodes, (losses - mean[nodes]) ** 2, minlength=size) / sizes
    return mean, np.where(variance < _ROUNDING, 0.0, variance), sizes


def _best_splits(  # noqa: PLR0917 - the state of a level
    values: Array,
    losses: Array,
    nodes: Indices,
    splittable: Mask,
    options: Counts,
    rng: np.random.Generator,
) -> Split:
    """Draw one split per node and column, and return the one with the least squared error."""
    size, columns = len(splittable), values.shape[1]
    starts = np.searchsorted(nodes, np.arange(size))
    most = int(options.max(initial=0)) + 1
    priorities = rng.random((size, columns, most))  # of the options, at each node
    keyed = values.copy()
    for column in np.flatnonzero(options):
        keyed[:, column] = priorities[nodes, column, values[:, column].astype(np.int64)]
    low = np.minimum.reduceat(keyed, starts, axis=0)
    high = np.maximum.reduceat(keyed, starts, axis=0)
    thresholds = low + rng.random((size, columns)) * (high - low)
    thresholds = np.where(thresholds >= high, low, thresholds)  # both sides keep a row
    left = (keyed <= thresholds[nodes]).astype(np.float64)
    centered = losses - np.bincount(nodes, losses, minlength=size)[nodes] / np.bincount(nodes, minlength=size)[nodes]
    total = np.bincount(nodes, minlength=size)[:, None]
    counts = np.add.reduceat(left, starts, axis=0)
    sums = np.add.reduceat(left * centered[:, None], starts, axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        gains = sums**2 * (1 / counts + 1 / (total - counts))  # the sums of both sides cancel
    gains = np.where((high > low) & splittable[:, None], gains, -1.0)
    best = np.argmax(gains, axis=1)
    every = np.arange(size)
    chosen = thresholds[every, best]
    left_options = priorities[every, best] <= chosen[:, None]
    return Split(np.where(gains[every, best] >= 0, best, -1), chosen, left_options)


def _goes_left(values: Array, nodes: Indices, split: Split, options: Counts) -> Mask:
    """Return whether each row goes to the left child of its node."""
    feature = split.features[nodes]
    value = values[np.arange(len(values)), feature]
    left: Mask = value <= split.thresholds[nodes]
    choice = np.flatnonzero(options[feature])
    left[choice] = split.left_options[nodes[choice], value[choice].astype(np.int64)]
    return left
