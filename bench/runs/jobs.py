"""jobs.py: what is measured: processes that each measure one peer with one kind of keys at one size."""

import dataclasses

from runs.peers import NAMES, ORDERED, ORDINARY

OPERATIONS = ["insert", "hint", "hit", "miss", "batch", "update", "churn", "iterate", "delete", "destroy"]
SIZES = [1000, 30000, 1000000, 10000000]
SMALL_SIZES = [0, 1, 4, 8]
GROWTH_KEYS = ["random", "sequential", "short"]  # what a path takes is what a short string takes: a pointer
CRAFTED_SIZE = 50000
# Keys that collide in GLib's table, and those to hold them against.
COLLIDING = {"mod32": "random", "crafted": "text32"}
ORDER_OPERATIONS = ["insert", "hit", "miss", "delete", "iterate"]
ORDER_PEERS = ["glib", "hmap-glib", "hmap", "boost"]
REMOVALS = ["prune", "rest", "take"]
REMOVERS = ["glib", "hmap-glib", "hmap", "boost", "absl", "std"]
MANY_TAKEN = 1000000  # too many for those that look for the first entry from the beginning each time
ROUNDS = {1000: 7, 30000: 7, CRAFTED_SIZE: 3, 1000000: 3, 10000000: 2}
PATIENCE = {("std", 10000000): 1, ("uthash", 10000000): 1}  # they take half a minute a process


@dataclasses.dataclass(frozen=True)
class Job:
    """One process: a peer, keys and a size, measured in one mode (see loops.h), and how often."""
    peer: str
    keys: str
    size: int
    mode: str = "speed"
    rounds: int = 1
    ops: tuple = ()     # none: all
    lookups: int = 0    # 0: the adapter's own number

    def ops_of(self, last):
        """The largest tables are filled and emptied once more, for delete and hint, in the last of several rounds only."""
        if self.ops or self.mode != "speed" or self.size < SIZES[-1] or (last and self.rounds > 1):
            return self.ops
        return tuple(op for op in OPERATIONS if op not in ("hint", "delete"))


def speed(peers, keys, sizes, ops=()):
    """All peers in turn for each size and kind of keys."""
    return [Job(peer, kind, size, rounds=PATIENCE.get((peer, size), ROUNDS.get(size, 3)), ops=tuple(ops))
            for size in sizes for kind in keys for peer in peers]


def colliding(peers, keys=tuple(COLLIDING)):
    """Keys that collide and those that do not."""
    kinds = sorted({*keys, *(COLLIDING[kind] for kind in keys)})
    few = [peer for peer in peers if peer in ("glib", "hmap-glib", "hmap")]
    return speed(few, kinds, [CRAFTED_SIZE], ["insert", "hit", "miss"])


def ordered(peers, sizes=tuple(SIZES)):
    """Keys that are used in order."""
    return speed([peer for peer in ORDER_PEERS if peer in peers], ORDERED, sizes, ORDER_OPERATIONS)


def removal(peers, sizes=(*SIZES[:2], MANY_TAKEN)):
    """Removal in walks, and of any entry, one by one."""
    linear = ("hmap-glib", "hmap")
    return [Job(peer, "random", size, "removal", 3, tuple(REMOVALS if size < MANY_TAKEN or peer in linear else REMOVALS[:2]))
            for size in sizes for peer in REMOVERS if peer in peers]


def life(peers):
    return [Job(peer, keys, 3, "life", 5) for keys in ("random", "short") for peer in peers]


def latency(peers, size=SIZES[-1], rounds=3):
    return [Job(peer, "random", size, "latency", rounds) for peer in peers]


def memory(peers, size=SIZES[-1]):
    return [Job(peer, keys, small, "memory") for keys in GROWTH_KEYS for small in SMALL_SIZES for peer in peers] + \
           [Job(peer, keys, size, "growth") for keys in GROWTH_KEYS for peer in peers]


def everything(peers):
    return speed(peers, ORDINARY, SIZES) + ordered(peers) + removal(peers) + colliding(peers) + life(peers) + latency(peers) + \
           memory(peers)


def quick(peers):
    """A look at everything."""
    few, large = [peer for peer in peers if peer in ("glib", "hmap-glib", "hmap", "boost", "go")], 1000000
    times = speed(peers, ORDINARY, [1000, 30000]) + speed(few, ORDINARY, [large]) + ordered(few, [30000]) + removal(few)
    return [dataclasses.replace(job, rounds=1) for job in times] + life(peers) + latency(peers, large, 1) + memory(peers, large)


def smoke(peers):
    """Every loop once, with and without a limit to the different keys that are looked up."""
    return [Job(peer, keys, 1000, lookups=lookups) for peer in peers for keys in ("random", "short") for lookups in (0, 300)] + \
           [Job(peer, keys, size, mode) for peer in peers for keys in ("mod32", "path", "text32", "crafted")
            for mode, size in [("life", 3), ("latency", 2000), ("memory", 4), ("growth", 2000)]] + \
           [Job(peer, keys, 1000) for peer in peers for keys in ORDERED] + \
           [Job(peer, keys, 1000, "removal") for peer in peers if peer in REMOVERS for keys in ("random", "short")]


def merged(jobs):
    """The same with no process twice, one that does all that several would do; peers in turn."""
    found = {}
    for job in jobs:
        place = (job.mode, job.size, job.keys, NAMES.index(job.peer))
        other = found.get(place, job)
        ops = () if not (job.ops and other.ops) else tuple({*job.ops, *other.ops})
        found[place] = dataclasses.replace(job, ops=ops, rounds=max(job.rounds, other.rounds))
    return [found[place] for place in sorted(found)]
