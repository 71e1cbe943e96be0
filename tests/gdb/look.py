"""look.py: run by gdb in tests/gdb/tables.c, at stop(). Prints TAP: the printers show of each table what tables.c put in."""

import gdb

MOST = 20000
cases = 0


def check(name, wanted, found):
    global cases
    cases += 1
    print(f"{'ok' if wanted == found else 'not ok'} {cases} - gdb: {name}")
    if wanted != found:
        print(f"# wanted: {str(wanted)[:500]}\n# found:  {str(found)[:500]}")


def text(expression):
    """What gdb's print says."""
    return gdb.execute(f"print {expression}", to_string=True).split(" = ", 1)[1].rstrip("\n")


def plain(value):
    """A value of gdb's as Python's: bytes for an array."""
    kind = value.type.strip_typedefs()
    if kind.code == gdb.TYPE_CODE_ARRAY:
        return bytes(int(value[i]) for i in range(kind.range()[1] + 1))
    if kind.code == gdb.TYPE_CODE_PTR and kind.target().strip_typedefs().sizeof == 1 and "char" in str(kind):
        return value.string()
    return float(value) if kind.code == gdb.TYPE_CODE_FLT else int(value)


def shown(name):
    """The entries that a table's printer gives, sorted: a repeated or missing one shows."""
    printer = gdb.default_visualizer(gdb.selected_frame().read_var(name))
    values = [plain(value) for _, value in printer.children()]
    if printer.display_hint() == "array":
        return sorted(values)
    return sorted(zip(values[::2], values[1::2]))


def entries(n, key=lambda k: k, value=lambda k: 3 * k + 1):
    return sorted((key(k), value(k)) for k in range(n))


def number(size):
    return lambda k: k.to_bytes(size, "little")


def name(k):
    return f"name{k}"


gdb.execute("up", to_string=True)
word = gdb.lookup_type("void").pointer().sizeof

check("hmap: NULL", "0x0", text("none").replace("(hmap *) ", ""))
check("hmap: empty", "hmap of 0 entries", text("empty"))
check("hmap: one entry", "hmap of 1 entry = {[0] = 1}", text("one"))
check("hmap: 8-byte keys", entries(3000), shown("words"))
growing = shown("growing")
check("hmap: growing, as text", f"hmap of {len(growing)} entries, growing = ", text("growing").split("{")[0])
check("hmap: growing", entries(len(growing)), growing)
check("hmap: growing, with many entries", True, len(growing) > MOST // 2)
check("hmap: 4-byte keys, 2-byte elems", entries(1000), shown("small"))
check("hmap: strings", entries(1000, name), shown("strings"))
check("hmap: behind pointers", entries(500, number(200), lambda k: number(300)(3 * k + 1)), shown("large"))
check("hmap: keys of 5 bytes", entries(300, number(5)), shown("odd"))
check("hmap: a set", list(range(700)), shown("set"))

check("GHashTable: g_str_hash", entries(3000, name), shown("gstr"))
check("GHashTable: g_int_hash", entries(500), shown("gint_"))
check("GHashTable: g_int64_hash", entries(500, lambda k: (k << 32) + k), shown("gint64_"))
check("GHashTable: g_double_hash", entries(500, lambda k: k + 0.5), shown("gdouble_"))
check("GHashTable: g_direct_hash", entries(6700), shown("gdirect"))
large = set(range(3, 200, 17))
check("GHashTable: wide buckets", entries(200, value=lambda k: 256**word - 1 - k if k in large else 3 * k + 1), shown("gwide"))
names = int(gdb.parse_and_eval("&names[0][0]"))
check("GHashTable: own functions, long chains", entries(5000, lambda k: names + 12 * k), shown("gown"))
check("GHashTable: a set", entries(20, lambda k: name(k), lambda k: names + 12 * k), shown("gset"))
check("GHashTable: as text", "GHashTable of 20 entries = ", text("gset").split("{")[0])
check("GHashTable: a key as text", True, ' "name19"] = 0x' in text("gset"))

check("hsearch: five entries", entries(5, name), shown("search"))
check("hsearch: many", entries(MOST, name), shown("searchLarge"))
check("hsearch: as text", "hsearch table of 5 entries = ", text("search").split("{")[0])
check("hsearch: behind a pointer", text("search"), text("*&search"))
check("hsearch: no table is left to gdb", True, "table = 0x0" in text("searchNone"))

# GLib's own printer, which comes with GLib's development files, goes on doing its work.
if any("glib" in (o.filename or "") and o.pretty_printers and "libhmap" not in o.filename for o in gdb.objfiles()):
    check("beside GLib's printer: a GList", True, " = {0x" in text("list"))
    check("beside GLib's printer: ours has our tables", "GHashTable of 20 entries = ", text("gset").split("{")[0])
try:
    foreign = gdb.selected_frame().read_var("foreign")
    ours = [o for o in gdb.objfiles() if "libhmap-glib" in (o.filename or "")]
    check("a table of GLib's is left to others", [None], [p(foreign) for o in ours for p in o.pretty_printers])
except ValueError:
    pass  # no GLib in this program
print(f"# {cases} cases")
