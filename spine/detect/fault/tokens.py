"""How many refused tokens are to be expected, per tenant and window."""

import numpy as np

from spine.detect.fault.cell import WINDOWS, Cells, Floats
from spine.settings.fault import TokenSettings


def expected(seen: Cells, window: str, limit: TokenSettings) -> Floats:
    """Refusals a window would have: as many as at this hour of the day, or as today's tries ask for, whichever is
    more. A surge of people brings more stale tokens with it."""
    part = WINDOWS[window] / 60
    usual = np.nan_to_num(seen.usual) * part
    return np.fmax(usual, seen.share(limit.prior_tries, 0.0) * np.fmax(seen.tries[window], 0))


def without_largest(values: Floats, by: Floats) -> float:
    """The sum of `values` without the cell that is largest in `by`."""
    return float(values.sum() - values[int(np.argmax(by))]) if len(values) else 0.0
