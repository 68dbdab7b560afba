"""How surprising failures are: of one cell by itself, and of many at once. Arrays in, arrays out."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.special import betainc

Floats = npt.NDArray[np.float64]
_WORST = 0.95
"""Beyond this no share tells good from bad."""
_MOST = 50.0
"""Log odds of one cell are cut here, far beyond any line, so that nothing overflows."""


def chance(failures: npt.ArrayLike, tries: npt.ArrayLike, share: npt.ArrayLike) -> Floats:
    """The chance of at least so many failures among so many tries (binomial)."""
    k, p = np.asarray(failures, float), np.asarray(share, float)
    n = np.fmax(np.asarray(tries, float), k)
    tail = np.asarray(betainc(np.fmax(k, 1), n - np.fmax(k, 1) + 1, p), float)
    return np.where(k < 1, 1.0, tail)


def common_log_odds(
    failures: Floats, tries: Floats, share: Floats, *, worse: Sequence[float], touched: float
) -> Floats:
    """Log of the odds that many cells fail together, against all failing as usual; cells along the first axis.

    Under "together" each cell is touched with probability `touched`, and then fails in one of the shares `worse`, all
    equally likely. The cell that says so loudest is left out, so that none speaks for all. Such odds exceed c with a
    chance of at most 1/c while all is as usual, whatever the numbers of tries.

    Source: Ville's inequality for mixtures of likelihood ratios; leaving the largest out: DETECTION.
    """
    return together(cell_log_odds(failures, tries, share, worse=worse, touched=touched))


def cell_log_odds(failures: Floats, tries: Floats, share: Floats, *, worse: Sequence[float], touched: float) -> Floats:
    """What each cell says of each share in `worse`, which is the first axis, cells the second."""
    share = np.fmin(share, _WORST)
    found = []
    for one in worse:
        bad = np.fmax(one, np.fmin(2 * share, _WORST))
        told = failures * np.log(bad / share) + (tries - failures) * np.log((1 - bad) / (1 - share))
        found.append(np.log1p(touched * np.expm1(np.fmin(told, _MOST))))
    return np.array(found, float)


def together(told: Floats) -> Floats:
    """What all cells but the loudest say together. What is told of one cell in several ways may be added up before."""
    found = told.sum(axis=1) - np.fmax(told.max(axis=1, initial=0.0), 0.0)
    return np.asarray(np.logaddexp.reduce(found, axis=0) - np.log(len(found)), float)


def added(places: Sequence[npt.NDArray[np.intp]], told: Sequence[Floats], size: int) -> Floats:
    """Several families' `cell_log_odds` in one array of `size` cells: those at the same place are added."""
    total = np.zeros((told[0].shape[0], size, *told[0].shape[2:]))
    for place, one in zip(places, told, strict=True):
        for share in range(len(total)):
            np.add.at(total[share], place, one[share])
    return total
