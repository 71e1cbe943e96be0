"""Reads a mime.cache (version 1.2, see the shared MIME-info specification) completely, and forgets the order of what has none.

read(path) returns a value that is equal for two caches that say the same.
"""

import pathlib
import struct


class Cache:
    """The file; all numbers in it are big-endian, all references offsets from its start."""

    def __init__(self, data):
        self.data = data

    def numbers(self, at, count):
        return struct.unpack_from(f">{count}I", self.data, at)

    def text(self, at):
        return self.data[at:self.data.index(b"\0", at)].decode() if at else None

    def entries(self, at, width):
        """A list: its length, then records of `width` numbers."""
        count, = self.numbers(at, 1)
        return [self.numbers(at + 4 + 4 * width * i, width) for i in range(count)]

    def pairs(self, at):
        """Aliases and icons: two texts each."""
        return sorted((self.text(a), self.text(b)) for a, b in self.entries(at, 2))

    def parents(self, at):
        return sorted((self.text(a), sorted(self.text(p) for p, in self.entries(b, 1))) for a, b in self.entries(at, 2))

    def globs(self, at):
        return sorted((self.text(a), self.text(b), flags) for a, b, flags in self.entries(at, 3))

    def namespaces(self, at):
        return sorted(tuple(self.text(t) for t in entry) for entry in self.entries(at, 3))

    def suffixes(self, at):
        """The tree of reversed suffixes, as a list of suffix, type and flags."""
        count, first = self.numbers(at, 2)
        return sorted(self.suffix_level(count, first, ""))

    def suffix_level(self, count, first, tail):
        for i in range(count):
            character, b, c = self.numbers(first + 12 * i, 3)
            if character:
                yield from self.suffix_level(b, c, chr(character) + tail)
            else:
                yield tail, self.text(b), c

    def magic(self, at):
        count, extent, first = self.numbers(at, 3)
        rules = (self.numbers(first + 16 * i, 4) for i in range(count))
        return extent, sorted((priority, self.text(t), self.matchlets(n, m)) for priority, t, n, m in rules)

    def matchlets(self, count, first):
        return tuple(self.matchlet(first + 32 * i) for i in range(count))

    def matchlet(self, at):
        start, length, word, size, value, mask, children, child = self.numbers(at, 8)
        return (start, length, word, self.data[value:value + size], self.data[mask:mask + size] if mask else b"",
                self.matchlets(children, child))


def read(path):
    cache = Cache(pathlib.Path(path).read_bytes())
    if struct.unpack_from(">HH", cache.data) != (1, 2):
        raise ValueError(f"{path} is not a mime.cache of version 1.2")
    aliases, parents, literals, suffixes, globs, magic, namespaces, icons, generic = cache.numbers(4, 9)
    return {
        "aliases": cache.pairs(aliases), "parents": cache.parents(parents), "literals": cache.globs(literals),
        "suffixes": cache.suffixes(suffixes), "globs": cache.globs(globs), "magic": cache.magic(magic),
        "namespaces": cache.namespaces(namespaces), "icons": cache.pairs(icons), "generic icons": cache.pairs(generic),
    }
