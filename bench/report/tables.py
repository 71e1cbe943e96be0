"""tables.py: the figures as tables in Markdown."""

from runs.jobs import OPERATIONS, REMOVALS, SIZES, SMALL_SIZES
from runs.peers import INTS, NAMES, ORDINARY, STRINGS

KINDS = {"random": "random integers", "sequential": "sequential integers", "mod32": "integers equal modulo 2^32",
         "short": "strings of 12 characters", "path": "paths of 55 characters", "text32": "random strings of 32 characters",
         "crafted": "strings crafted against g_str_hash", "ids": "0, 1, 2, ..., used in order",
         "pointers": "pointers from malloc, used in order", "gaps": "integers 1 to 15 apart, used in order"}
PERCENTILES = ["p50", "p90", "p99", "p99.9", "p99.99", "p99.999", "longest"]
REMOVAL = "longest-removal"


def size_name(size):
    digits = f"{size:.0e}".replace("e+0", "e")
    return digits if size >= 1000 and float(digits) == size else str(size)


def markdown(head, rows):
    """A table without its empty columns; nothing if it has no rows."""
    if not rows:
        return ""
    used = [i for i in range(len(head)) if i == 0 or any(row[i] for row in rows)]
    lines = ["| " + " | ".join(row[i] for i in used) + " |" for row in [head, *rows]]
    return "\n".join([lines[0], "|---|" + "---:|" * (len(used) - 1), *lines[1:]])


def relative(name, values, peers):
    """A row: GLib's in ns, the others' as ratios to it; all in ns where GLib has none."""
    base = values[peers.index("glib")] if "glib" in peers else None
    return [name] + ["" if value is None else f"{value:.1f} ns" if peer == "glib" or not base else f"{value / base:.2f}"
                     for value, peer in zip(values, peers)]


def speed_table(figures, keys):
    """One kind of keys."""
    peers, rows = figures.having(0, NAMES), []
    for op in OPERATIONS:
        for size in sorted({cell[2] for cell in figures.values if cell[1] == keys}):
            values = [figures.get(peer, keys, size, op) for peer in peers]
            if any(values):
                rows.append(relative(f"{op} {size_name(size)}", values, peers))
    return markdown([KINDS[keys], *peers], rows)


def life_table(figures):
    peers = figures.having(0, NAMES)
    found = {KINDS[keys]: [figures.get(peer, keys, 3, "life") for peer in peers] for keys in ORDINARY}
    return markdown(["create, 3 inserts, destroy", *peers], [relative(*row, peers) for row in found.items() if any(row[1])])


def removal_table(figures):
    peers, sizes = figures.having(0, NAMES), sorted({cell[2] for cell in figures.values if cell[3] in REMOVALS})
    found = {f"{op} {size_name(size)}": [figures.get(peer, "random", size, op) for peer in peers]
             for op in REMOVALS for size in sizes}
    return markdown(["random integers", *peers], [relative(*row, peers) for row in found.items() if any(row[1])])


def time_text(ns):
    for unit, scale in ("ns", 1), ("µs", 1e3), ("ms", 1e6):
        if ns < 1000 * scale:
            break
    return f"{ns / scale:.{0 if unit == 'ns' or ns >= 100 * scale else 1}f} {unit}"


def latency_table(figures):
    """How long single inserts take on the way to a table of random integers."""
    rows, size = [], max((cell[2] for cell in figures.values if cell[3] == "longest"), default=0)
    for peer in NAMES:
        values = [figures.get(peer, "random", size, name) for name in PERCENTILES]
        if all(values):
            removal = figures.get(peer, "random", size, REMOVAL)
            rows.append([peer, *map(time_text, values), time_text(removal) if removal else ""])
    return markdown([f"inserts to {size_name(size)}", *PERCENTILES, "longest removal"], rows)


def memory_table(figures, keys):
    """Bytes a table while it is small, then bytes an entry, and the peak over what the table has in the end."""
    peers, rows = figures.having(0, NAMES), []
    for size in SMALL_SIZES + SIZES:
        for name in ("heap", "resident"):
            values = [figures.get(peer, keys, size, name) for peer in peers]
            peaks = [figures.get(peer, keys, size, name + "-peak") for peer in peers]
            if any(values) and (name == "heap" if size <= 30000 else name == "resident"):
                rows.append([f"{size_name(size)}, {name}", *(memory_cell(*pair, size) for pair in zip(values, peaks))])
    return markdown([KINDS[keys], *peers], rows)


def memory_cell(value, peak, size):
    if value is None:
        return ""
    return f"{value / size:.1f}, {peak / value:.2f}" if peak else f"{value:.0f}"


def tables(figures):
    """All that was measured."""
    parts = [speed_table(figures, keys) for keys in INTS + STRINGS]
    parts += [removal_table(figures), life_table(figures), latency_table(figures)]
    parts += [memory_table(figures, keys) for keys in ORDINARY]
    return "\n\n".join(filter(None, parts)) + "\n"
