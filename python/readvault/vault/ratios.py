"""How the ratios of archives are spread: counted in fine bins while entries pass by, shown in as few as a chart needs.

One archive of an empty file in a thousand must not squeeze all others into one column, so the last bin is open.
"""

from collections import Counter

from readvault.vault.figures import Bin, Ratios

# Fine bins are a twentieth wide, and end at 100: what is above is one bin.
FINE = 20
_HIGHEST = 100 * FINE
# How many fine bins a shown one may take, and how many are shown.
_WIDTHS = (1, 2, 5, 10, 20, 50, 100, 200)
_SHOWN = 24
# The share of archives that the bins with an end have to hold.
_INSIDE = 0.99


class Spread:
    """Ratios, counted."""

    def __init__(self) -> None:
        self._files: Counter[int] = Counter()
        self._bytes: Counter[int] = Counter()

    def add(self, before: int, after: int) -> None:
        """Count an archive. Whole numbers throughout, so that a ratio of exactly 3 is never in the bin below."""
        fine = min(before * FINE // max(after, 1), _HIGHEST)
        self._files[fine] += 1
        self._bytes[fine] += before

    def ratios(self) -> Ratios:
        """What was counted."""
        if not self._files:
            return Ratios(None, ())
        low, high = min(self._files), self._quantile(_INSIDE)
        width = next((one for one in _WIDTHS if high // one - low // one < _SHOWN), _WIDTHS[-1])
        first, last = low // width, high // width
        bins = [
            self._bin(number * width, (number + 1) * width, (number + 1) * width / FINE)
            for number in range(first, last + 1)
        ]
        if max(self._files) >= (last + 1) * width:
            bins.append(self._bin((last + 1) * width, _HIGHEST + 1, None))
        return Ratios((self._quantile(0.5) + 0.5) / FINE, tuple(bins))

    def _quantile(self, share: float) -> int:
        """The fine bin below whose end at least such a share of archives is."""
        wanted, seen = share * self._files.total(), 0
        for fine in sorted(self._files):
            seen += self._files[fine]
            if seen >= wanted:
                return fine
        return _HIGHEST

    def _bin(self, start: int, end: int, shown: float | None) -> Bin:
        inside = [fine for fine in self._files if start <= fine < end]
        files, length = sum(self._files[fine] for fine in inside), sum(self._bytes[fine] for fine in inside)
        return Bin(start / FINE, shown, files, length)
