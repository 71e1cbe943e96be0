"""figures.py: what was measured, by peer, kind of keys, size and name."""

import csv
import math


class Figures:
    def __init__(self):
        self.values = {}    # (peer, keys, size, name): ns, or bytes

    def add(self, cell, value):
        """Keeps the least of all that is found for a cell."""
        self.values[cell] = min(value, self.values.get(cell, math.inf))

    def get(self, *cell):
        return self.values.get(cell)

    def ratio(self, ours, theirs, keys, size, name, their_name=None):
        """One peer's figure over another's; None if one was not measured."""
        above, below = self.get(ours, keys, size, name), self.get(theirs, keys, size, their_name or name)
        return above / below if above and below else None

    def having(self, position, order):
        """Those of the words in order that stand somewhere at this position of a cell."""
        there = {cell[position] for cell in self.values}
        return [word for word in order if word in there]

    def write(self, path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "w", newline="") as f:
            out = csv.writer(f)
            out.writerow(["peer", "keys", "size", "figure", "value"])
            out.writerows([*cell, f"{value:.10g}"] for cell, value in sorted(self.values.items()))

    @classmethod
    def read(cls, path):
        figures = cls()
        with open(path, newline="") as f:
            for row in csv.DictReader(f):
                figures.add((row["peer"], row["keys"], int(row["size"]), row["figure"]), float(row["value"]))
        return figures


def geometric_mean(values):
    """None of nothing."""
    values = list(values)
    return math.exp(sum(map(math.log, values)) / len(values)) if values else None
