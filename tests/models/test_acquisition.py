"""The log expected improvement, against numerical integration."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import integrate

from raytune_suite.models.acquisition import log_expected_improvement, log_improvement


def reference(z: float) -> float:
    """log phi(z) + log of the integral of u exp(zu - u^2 / 2): without cancellation where z is negative."""
    scale = max(1.0, -z)  # u = v / scale, so that the integrand has its mass near 1
    area, _ = integrate.quad(lambda v: v * math.exp(z * v / scale - 0.5 * (v / scale) ** 2), 0, 60, epsabs=0)
    return -0.5 * z * z - 0.5 * math.log(2 * math.pi) + math.log(area) - 2 * math.log(scale)


@pytest.mark.parametrize("z", [3.0, 0.0, -0.5, -0.999, -1.001, -2.0, -5.0, -40.0, -300.0, -5e3, -9.9e3, -1.1e4, -1e6])
def test_it_equals_the_integral(z: float) -> None:
    assert log_improvement(np.array([z]))[0] == pytest.approx(reference(z), rel=1e-9)


def test_it_is_finite_and_increasing_where_the_improvement_underflows() -> None:
    z = -np.logspace(8, -3, 5000)
    values = log_improvement(z)
    assert np.all(np.isfinite(values))
    assert np.all(np.diff(values) > 0)


def test_it_scales_with_the_deviation() -> None:
    """With mean 1, deviation 2 and best 1: EI = 2 phi(0) = .797885."""
    (value,) = log_expected_improvement(np.array([1.0]), np.array([2.0]), 1.0)
    assert math.exp(value) == pytest.approx(0.797885, abs=1e-6)
