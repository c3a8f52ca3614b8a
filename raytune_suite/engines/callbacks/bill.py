"""What a study has cost so far."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

HOUR_S = 3600.0


@final
@dataclass
class Bill:
    """Hours times the price per hour, which changes when a cluster grows or shrinks.

    Attributes:
        hourly: US dollars per hour at present; None if no price is known.
        charged: US dollars until `until`.
        until: The study's running time, in seconds, until which it has been charged.

    Example:
        >>> bill = Bill()
        >>> bill.charge(1.5, 0.0), bill.charge(3.0, 7200.0), bill.dollars(10800.0), bill.affords(9.0)
        (None, None, 6.0, 14400.0)
    """

    hourly: float | None = None
    charged: float = 0.0
    until: float = 0.0

    def charge(self, hourly: float, elapsed: float) -> None:
        """Set the price per hour from the running time `elapsed` on."""
        if hourly != self.hourly:
            self.charged = self.dollars(elapsed) or 0.0
            self.hourly, self.until = hourly, elapsed

    def close(self, elapsed: float) -> None:
        """Stop counting: the study has ended."""
        if self.hourly is not None:
            self.charge(0.0, elapsed)

    def dollars(self, elapsed: float) -> float | None:
        """US dollars until the running time `elapsed`; None if no price is known."""
        if self.hourly is None:
            return None
        return self.charged + self.hourly * (elapsed - self.until) / HOUR_S

    def affords(self, dollars: float) -> float:
        """The running time, in seconds, at which US dollars are spent if the price stays; infinite without a price."""
        if not self.hourly:
            return math.inf
        return self.until + (dollars - self.charged) / self.hourly * HOUR_S
