"""goals.py: what hmap wants to reach, and whether it does."""

import dataclasses
from typing import Callable

from report.figures import geometric_mean
from report.tables import size_name
from runs.jobs import (COLLIDING, CRAFTED_SIZE, GROWTH_KEYS, MANY_TAKEN, ORDER_OPERATIONS, SIZES, SMALL_SIZES, colliding,
                       latency, life, memory, ordered, removal, speed)
from runs.peers import ORDERED, ORDINARY

SEVEN = ("hit", "miss", "insert", "update", "churn", "iterate", "destroy")
PAIR = ("glib", "hmap-glib")


@dataclasses.dataclass
class Goal:
    """A row of the table."""
    name: str
    ours: str
    text: str           # against whom, and what
    limits: list        # what each of the values has to be at most
    needs: list         # the jobs that measure it
    values: Callable    # from Figures: numbers, or None for what was not measured
    note: Callable = lambda figures: ""


def ratios(ours, theirs, op, keys, sizes):
    """The values of a goal that compares one operation at some sizes."""
    return lambda figures: [figures.ratio(ours, theirs, keys, size, op) for size in sizes]


def worst(values):
    values = list(values)
    return None if None in values or not values else max(values)


@dataclasses.dataclass
class Cells:
    """The ratios of all cells of some keys, sizes and operations, for a goal about many."""
    ours: str
    theirs: str
    ops: tuple
    keys: tuple = tuple(ORDINARY)
    sizes: tuple = tuple(SIZES)

    def measured(self, figures):
        cells = {(keys, size, op): figures.ratio(self.ours, self.theirs, keys, size, op)
                 for keys in self.keys for size in self.sizes for op in self.ops}
        return {cell: ratio for cell, ratio in cells.items() if ratio}

    def mean(self, figures):
        return [geometric_mean(self.measured(figures).values())]

    def worst(self, figures):
        return [worst(self.measured(figures).values())]

    def worst_names(self, figures):
        """A note that names the worst cells."""
        cells = sorted(((ratio, cell) for cell, ratio in self.measured(figures).items()), reverse=True)
        names = [f"{op} {size_name(size)} {keys} {ratio:.2f}" for ratio, (keys, size, op) in cells[:4]]
        return ", ".join(filter(None, [*names, self.count(figures)]))

    def count(self, figures):
        """A note on the cells that were not measured."""
        found, wanted = len(self.measured(figures)), len(self.keys) * len(self.sizes) * len(self.ops)
        return f"of {found} cells; {wanted - found} were not measured" if found < wanted else ""


GLIB_CELLS = Cells("hmap-glib", "glib", (*SEVEN, "delete"))


def is_hard(cell):
    """Sequential integers inserted into large tables have a limit of their own."""
    keys, size, op = cell
    return keys == "sequential" and size > 1000 and op == "insert"


def worst_of_both(figures):
    cells = GLIB_CELLS.measured(figures)
    return [worst(ratio for cell, ratio in cells.items() if is_hard(cell) == hard) for hard in (False, True)]


def worst_cells(figures):
    """A note that names them."""
    cells = [(ratio, cell) for cell, ratio in GLIB_CELLS.measured(figures).items() if not is_hard(cell)]
    bad = sorted((pair for pair in cells if pair[0] > 1), reverse=True)
    names = [f"{op} {size_name(size)} {keys} {ratio:.2f}" for ratio, (keys, size, op) in bad[:4]]
    return ", ".join(filter(None, [f"{len(bad)} cells above 1", *names, GLIB_CELLS.count(figures)]))


def bytes_ratio(figures):
    """Bytes of tables against GLib's: allocated ones while tables are small, beyond that what is resident."""
    kinds = [(size, "heap") for size in (*SMALL_SIZES, 1000, 30000)] + [(size, "resident") for size in (1000000, 10000000)]
    found = [figures.ratio("hmap-glib", "glib", keys, size, name) for keys in GROWTH_KEYS for size, name in kinds]
    return None if None in found else sum(found) / len(found)


def peak_ratio(figures):
    kinds = [(1000, "heap"), (30000, "heap"), (1000000, "resident"), (10000000, "resident")]
    return worst(figures.ratio("hmap-glib", "hmap-glib", keys, size, name + "-peak", name)
                 for keys in GROWTH_KEYS for size, name in kinds)


def colliding_ratio(figures, kinds, op):
    """Ours with keys that collide over ours with keys that do not, for the worse of some kinds."""
    pairs = [(figures.get("hmap-glib", kind, CRAFTED_SIZE, op), figures.get("hmap-glib", COLLIDING[kind], CRAFTED_SIZE, op))
             for kind in kinds]
    return worst(above / below if above and below else None for above, below in pairs)


def hits_too(kinds):
    """A note: the goal is about filling a table, but its keys are also looked up."""
    return lambda figures: f"hits {show(colliding_ratio(figures, kinds, 'hit'))}"


def microseconds(figures, name):
    ns = figures.get("hmap-glib", "random", SIZES[-1], name)
    return ns and ns / 1000


def taken_seconds(figures):
    """What it takes to take a million entries, one by one."""
    ns = figures.get("hmap-glib", "random", MANY_TAKEN, "take")
    return ns and ns * MANY_TAKEN / 1e9


def batch_ratios(figures):
    return [figures.ratio("hmap", "boost", keys, 1000000, "batch", "hit") for keys in ("short", "path")]


def boost_values(figures):
    hits = ratios("hmap", "boost", "hit", "random", SIZES)(figures)
    return hits


def go_values(figures):
    hits = ratios("hmap", "go", "hit", "random", SIZES)(figures)
    return [worst(hits[:2]), worst(hits[2:])]


FOUR = ("hit", "miss", "insert", "churn")
CRAFTED = ("mod32", "crafted")
IN_ORDER = Cells("hmap-glib", "glib", tuple(ORDER_OPERATIONS), tuple(ORDERED))
INSERTS, STEPS = Cells("hmap-glib", "glib", ("insert",), sizes=tuple(SIZES[2:])), Cells("hmap", "glib", ("iterate",))
PRUNED = Cells("hmap-glib", "glib", ("prune", "rest"), ("random",), (*SIZES[:2], MANY_TAKEN))
TAKEN = Cells("hmap-glib", "glib", ("take",), ("random",), tuple(SIZES[:2]))
MEAN_CELLS, KHASH_CELLS, ABSL_CELLS = Cells("hmap-glib", "glib", SEVEN), Cells("hmap", "khash", FOUR), Cells("hmap", "absl", FOUR)
GOALS = [
    Goal("mean", "libhmap-glib", "GLib: geometric mean of hit, miss, insert, update, churn, iterate, destroy over four ordinary "
         "kinds of keys and four sizes", [0.5], speed(PAIR, ORDINARY, SIZES, SEVEN), MEAN_CELLS.mean, MEAN_CELLS.count),
    Goal("cells", "", "any single cell, delete too; sequential integers, insert at 3e4 and above", [1.0, 1.2],
         speed(PAIR, ORDINARY, SIZES, (*SEVEN, "delete")), worst_of_both, worst_cells),
    Goal("hit-ints", "", "random integers: hit at 1e3 / 3e4 / 1e6 / 1e7", [0.30, 0.22, 0.50, 0.50],
         speed(PAIR, ["random"], SIZES, ["hit"]), ratios("hmap-glib", "glib", "hit", "random", SIZES)),
    Goal("miss-ints", "", "random integers: miss", [0.20, 0.15, 0.30, 0.35],
         speed(PAIR, ["random"], SIZES, ["miss"]), ratios("hmap-glib", "glib", "miss", "random", SIZES)),
    Goal("hit-short", "", "short strings: hit", [0.42, 0.38, 0.60, 0.60],
         speed(PAIR, ["short"], SIZES, ["hit"]), ratios("hmap-glib", "glib", "hit", "short", SIZES)),
    Goal("hit-long", "", "long strings (path): hit", [0.30, 0.30, 0.40, 0.40],
         speed(PAIR, ["path"], SIZES, ["hit"]), ratios("hmap-glib", "glib", "hit", "path", SIZES)),
    Goal("insert", "", "insert at 1e6 and 1e7: geometric mean over four ordinary kinds of keys", [0.65],
         speed(PAIR, ORDINARY, SIZES[2:], ["insert"]), INSERTS.mean, INSERTS.count),
    Goal("order", "", "keys used in order (consecutive ids, pointers from malloc, integers with gaps): insert, hit, miss, "
         "delete, iterate; any single cell; geometric mean", [1.2, 0.8], ordered(PAIR),
         lambda f: IN_ORDER.worst(f) + IN_ORDER.mean(f), IN_ORDER.worst_names),
    Goal("removal", "", "removing all but ten in a walk, and walking over those, any single cell; taking any entry until none is "
         "left, at 1e3 and 3e4; the same in seconds, 1e6", [1.0, 1.0, 0.2], removal(PAIR),
         lambda f: PRUNED.worst(f) + TAKEN.worst(f) + [taken_seconds(f)], PRUNED.count),
    Goal("latency", "", "longest single insert to 1e7", [1 / 1000],
         latency(PAIR), lambda f: [f.ratio("hmap-glib", "glib", "random", SIZES[-1], "longest")]),
    Goal("tail", "", "µs: inserts to 1e7, p99.9 and p99.99; the longest removal on the way down", [3, 25, 1000],
         latency(PAIR), lambda f: [microseconds(f, name) for name in ("p99.9", "p99.99", "longest-removal")]),
    Goal("memory", "", "bytes an entry, mean of the ratios over sizes and kinds; peak over final size, the worst", [1.0, 1.3],
         memory(PAIR), lambda f: [bytes_ratio(f), peak_ratio(f)]),
    Goal("crafted", "", "inserting 50,000 keys crafted against GLib over 50,000 random ones, ours against ours", [1.5],
         colliding(["hmap-glib"], CRAFTED), lambda f: [colliding_ratio(f, CRAFTED, "insert")], hits_too(CRAFTED)),
    Goal("hsearch", "libhmap-search", "glibc hsearch_r: hit, short keys at 1e3 / 3e4 / 1e6", [0.33, 0.25, 0.7],
         speed(["hsearch", "hmap-search"], ["short"], SIZES[:3], ["hit"]),
         ratios("hmap-search", "hsearch", "hit", "short", SIZES[:3])),
    Goal("hsearch-prefix", "", "hit, keys with a common prefix at 3e4", [0.001],
         speed(["hsearch", "hmap-search"], ["path"], [30000], ["hit"]),
         ratios("hmap-search", "hsearch", "hit", "path", [30000])),
    Goal("boost", "engine, called", "boost: hit, random integers at 1e3 / 3e4 / 1e6 / 1e7", [1.3, 1.3, 1.0, 0.9],
         speed(["boost", "hmap"], ["random"], SIZES, ["hit"]), boost_values),
    Goal("iter", "", "GLib: a step of hmap_iter, any single cell", [1.0],
         speed(["glib", "hmap"], ORDINARY, SIZES, ["iterate"]), STEPS.worst, STEPS.worst_names),
    Goal("khash", "", "khash: geometric mean of hit, miss, insert, churn", [1.0],
         speed(["khash", "hmap"], ORDINARY, SIZES, FOUR), KHASH_CELLS.mean, KHASH_CELLS.count),
    Goal("absl", "", "abseil: the same mean", [1.0],
         speed(["absl", "hmap"], ORDINARY, SIZES, FOUR), ABSL_CELLS.mean, ABSL_CELLS.count),
    Goal("life", "engine, called", "the better of boost and khash, inlined: create, 3 inserts, destroy, integers", [1.0],
         [job for job in life(["boost", "khash", "hmap"]) if job.keys == "random"],
         lambda f: [worst(f.ratio("hmap", peer, "random", 3, "life") for peer in ("boost", "khash"))]),
    Goal("batch", "engine, batch", "boost one at a time: short strings, paths at 1e6", [0.5, 0.5],
         speed(["boost", "hmap"], ["short", "path"], [1000000], ["hit", "batch"]), batch_ratios),
    Goal("go", "engine", "Go's map: hit, random integers up to 3e4; 1e6 to 1e7", [0.2, 0.55],
         speed(["go", "hmap"], ["random"], SIZES, ["hit"]), go_values),
]
NAMES = [goal.name for goal in GOALS]


def measured(figures):
    """The names of those of which there is something to show."""
    return [goal.name for goal in GOALS if any(value is not None for value in goal.values(figures))]


def by_name(name):
    return next(goal for goal in GOALS if goal.name == name)


def show(value):
    if value is None:
        return "–"
    return f"1/{1 / value:.0f}" if value < 0.01 else f"{value:.2f}"


def verdict(values, limits, note):
    if None in values or "not measured" in note:
        return ""
    return "met" if all(value <= limit for value, limit in zip(values, limits)) else "**missed**"


def row(goal, figures):
    values = goal.values(figures)
    note = goal.note(figures) if values != [None] * len(values) else ""
    cells = [goal.ours, goal.text, " / ".join(map(show, goal.limits)), " / ".join(map(show, values)) + (note and f" ({note})"),
             verdict(values, goal.limits, note), f"`make bench BENCH_FLAGS=\"--goal {goal.name}\"`"]
    return "| " + " | ".join(cells) + " |"


def table(figures, names):
    lines = ["| ours | against | goal, at most | measured | | command |", "|---|---|---|---|---|---|"]
    return "\n".join(lines + [row(goal, figures) for goal in GOALS if goal.name in names])
