"""A program on disk: what kind of file it is, which functions of hsearch and GHashTable it and its libraries call, and by which
ways it can be switched to hmap. What check shows, and what relink and run ask first."""

import dataclasses
import os
import re
import stat

from hmaptool import bindings, elf, files, messages, places, process
from hmaptool.messages import Failed, Missing

GLIBC_LINKER = re.compile(r"ld(-linux[-\w]*|64)?\.so\.\d+")
EVERY_WAY = ("run", "relink", "system")
ANEW = "link it anew (hmap env)"
LIBTOOL = b"temporary wrapper script for .libs/"
SANITIZER = re.compile(r"lib(asan|tsan|msan|hwasan)\.so\.\d+")


@dataclasses.dataclass
class Use:
    """Of one API: who calls which functions of it, and whose they are now."""
    callers: dict = dataclasses.field(default_factory=dict)  # file: set of functions
    targets: set = dataclasses.field(default_factory=set)    # the libraries that serve them: libc, GLib or ours
    others: set = dataclasses.field(default_factory=set)     # (caller, target): calls of functions that only share the names


@dataclasses.dataclass
class Program:
    path: str
    kind: str = "unknown"                # Elf.kind, or "script"
    script: str = ""                     # the script, where path is what runs it
    interpreter: str = ""
    bound: dict = dataclasses.field(default_factory=dict)    # as bindings.read returns it
    uses: dict = dataclasses.field(default_factory=dict)     # "hsearch" or "GHashTable": Use
    unswitched: dict = dataclasses.field(default_factory=dict)  # "hsearch" or "GHashTable": why it is not ours
    problem: str = ""                    # why it cannot be switched at all, and what to do
    hindrances: dict = dataclasses.field(default_factory=dict)  # way: why this one is barred
    examined: bool = True
    environment: dict = None             # that it will get, if it is to be run
    chain: list = dataclasses.field(default_factory=list)    # the scripts, where path is what runs them
    by_path: bool = False                # what runs it is looked for on PATH

    @property
    def file(self):
        """For tools: no option, and no file of options."""
        return files.absolute(self.path)

    @property
    def switched(self):
        """The APIs that are on hmap already."""
        return [api for api, use in self.uses.items() if use.targets and all(is_ours(t) for t in use.targets)]

    @property
    def ways(self):
        if self.problem or not self.uses or len(self.switched) == len(self.uses):
            return []
        ways = ["run"] if self.script else ["run", "relink"]
        return [w for w in ways + ["system"] * ("GHashTable" in self.uses) if w not in self.hindrances]


def is_ours(path):
    return bindings.base(path).startswith("libhmap-")


def find(name):
    """A program by its name on PATH, as a shell would find it (and in the folders for administrators), or by its path."""
    path = name if "/" in name else process.which(name, "/usr/local/sbin", "/usr/sbin", "/sbin")
    if not path and os.path.lexists(name):
        raise Missing(f"there is no program {name} on PATH: if you mean what is here, name it ./{name}")
    if not path or not os.path.lexists(path):
        raise Missing(f"there is no program {name}: give a name that is on PATH, or a path")
    try:
        mode = os.stat(path).st_mode
    except OSError as error:
        raise Failed(f"{path} cannot be looked at ({messages.why(error).lower()})") from None
    if stat.S_ISDIR(mode):
        raise Failed(f"{path} is a folder: name the programs in it")
    if not stat.S_ISREG(mode):  # nobody may be writing to a pipe
        raise Failed(f"{path} is no regular file: name a program")
    return path


def examine(path, environment=None):
    """Everything that can be found out; what is wrong with a file is in its problem. environment: that of the program, if it is to
    be run now."""
    program = Program(path, environment=environment)
    try:
        look_into(program)
    except Failed as failure:
        program.problem = str(failure).removeprefix(f"{path}: ").removeprefix(f"{program.file}: ")
        program.examined = False
    except OSError as error:
        program.problem = f"cannot be read ({messages.why(error).lower()}): run hmap as a user who may read it"
        program.examined = False
    return program


def look_into(program):
    if not elf.is_elf(program.path):
        look_for_interpreter(program)
    file = elf.read(program.file)
    if not program.script:
        program.kind = file.kind
    program.interpreter = file.interpreter
    program.problem = hopeless(program, file)
    if file.kind == "static program":
        called = {name for name, _ in elf.symbols(program.file)} if bindings.mentions(program.file, whole=True) else ()
        add_uses(program, {(program.path, name): ("", "") for name in called if bindings.api_of(name)})
    elif not program.problem:
        report = bindings.read(program.file, file.interpreter, program.environment)
        program.bound = report.bound
        add_uses(program, program.bound)
        add_reasons(program, [program.file, *report.loaded])
        for ways, why in hindrances(program, file):
            for way in ways:
                program.hindrances.setdefault(way, why)


def look_for_interpreter(program):
    """A script is what its first line names, and that may be a script itself. A wrapper of libtool's is what it wraps."""
    path = program.path
    for _ in range(5):  # the kernel follows no more
        program.chain.append(path)
        path = wrapped(path) or named_interpreter(program, path)
        if elf.is_elf(path):
            program.script, program.kind, program.path = program.path, "script", path
            return
    raise Failed(f"{program.path}: one script runs the next: name a program")


def wrapped(path):
    """The program that a script of libtool's runs, or nothing."""
    folder, name = os.path.split(path)
    with open(path, "rb") as file:
        if LIBTOOL not in file.read(4096):
            return ""
    found = [p for p in (f"{folder or '.'}/.libs/{name}", f"{folder or '.'}/.libs/lt-{name}") if os.path.isfile(p)]
    return found[0] if found else ""


def named_interpreter(program, path):
    """What the first line of a script names; env, there, stands for its argument."""
    with open(path, "rb") as file:
        line = file.readline(256)
    words = os.fsdecode(line[2:]).split() if line[:2] == b"#!" else []
    if not words:
        raise Failed(f"{path}: neither an ELF file nor a script: name a program")
    if os.path.basename(words[0]) == "env":
        program.by_path = True
        words[0] = named_by_env(words[1:]) or words[0]
    return find(words[0])


def named_by_env(words):
    """The program among env's arguments, or nothing. What -S splits is split here already."""
    words = iter(words)
    for word in words:
        word = re.sub("^(-[0iv]*S|--split-string=?)", "", word)
        if re.fullmatch("-[0iv]*[uCa]|--(unset|chdir|argv0)", word):
            next(words, None)
        elif word and not word.startswith("-") and "=" not in word:
            return word
    return ""


def hopeless(program, file):
    """Why a file cannot be switched whatever it uses, and what to do."""
    ours = elf.read(places.library("hsearch")).target
    if file.kind == "library":
        own = [needed for needed in file.needed if is_ours(needed)]
        return (f"needs {' and '.join(own)}, in vain where a program opens it that does not: libc's and GLib's come first there: "
                "check the programs") if own else "a library follows the programs that load it: check those"
    if file.kind == "other":
        return "an object file or a core: name a program"
    if file.target != ours:
        return f"for {file.target}, hmap is for {ours}: install hmap for it"
    if file.kind == "static program":
        return f"statically linked: {ANEW}"
    if not GLIBC_LINKER.fullmatch(bindings.base(file.interpreter)):
        return f"its dynamic linker is {file.interpreter}, not glibc's: {ANEW}"
    if not os.path.isfile(file.interpreter):
        return f"its dynamic linker {file.interpreter} is missing: install it"
    return ""


def privileged(path):
    mode = os.stat(path).st_mode
    if mode & (stat.S_ISUID | stat.S_ISGID):
        return "setuid" if mode & stat.S_ISUID else "setgid"
    try:
        os.getxattr(path, "security.capability")
    except OSError:
        return ""
    return "" if os.geteuid() == 0 else "with file capabilities"


def add_uses(program, bound):
    itself = os.path.realpath(program.path)
    taken = {name for name, here in elf.symbols(program.file) if not here} if itself in {t for t, _ in bound.values()} else set()
    for (caller, symbol), (target, version) in bound.items():
        api = bindings.api_of(symbol)
        if not api or is_ours(caller):
            continue
        # In a program that is no PIE, a function whose address it takes has its address there, for everybody.
        if target == itself and symbol in taken:
            continue
        use = program.uses.setdefault(api, Use())
        if target and not is_stock(api, target, version) and not is_ours(target):
            use.others.add((caller, target))
            continue
        use.callers.setdefault(caller, set()).add(symbol)
        use.targets.update({target} - {""})
    table = program.uses.get("GHashTable")
    if table and not any(s.startswith("g_hash_table_") for symbols in table.callers.values() for s in symbols):
        del program.uses["GHashTable"]  # g_str_hash alone is no table


def add_reasons(program, files):
    """Why calls are bound to libc or GLib: ours has to come before them in the order of libraries, so the program itself needs it.
    files: in that order."""
    stock = {api for api, use in program.uses.items() if any(bindings.base(t) == bindings.STOCK[api] for t in use.targets)}
    names = [bindings.base(f) for f in files]
    for api in sorted(stock):
        theirs, ours = bindings.STOCK[api], places.SONAME[api]
        if ours not in names:
            program.unswitched[api] = f"{theirs}, as nothing here needs {ours}"
        elif theirs in names[:names.index(ours)]:
            needs = ", ".join(n for n, f in zip(names, files) if n != theirs and ours in map(bindings.base, elf.read(f).needed))
            program.unswitched[api] = (f"{theirs}, which comes before {ours}: {needs} needs that, and the program itself has to, "
                                       f"before {theirs} (hmap env, or hmap relink)")


def is_stock(api, target, version):
    """A private version tells that another function of the same name is meant."""
    return bindings.base(target) == bindings.STOCK[api] and (not version or version.startswith("GLIBC_"))


def hindrances(program, file):
    """What bars single ways: (ways, why and what to do)."""
    todo = {api: use for api, use in program.uses.items() if api not in program.switched}
    if program.uses and not todo:
        return
    table = "GHashTable" in todo
    # hsearch takes a relinked copy, whichever way; GHashTable comes through the shadow, but for hmap relink.
    copies, instead = (("run", "relink"), ANEW) if "hsearch" in todo else (("relink",), "use hmap run")
    if privileged(program.path):
        yield ("run", "relink"), f"{privileged(program.path)}: {ANEW}" + (", or hmap system on" if table else "")
    if elf.has_data_behind(program.file):
        yield copies, f"there is data behind its last section, where it may look for that: {instead}"
    if not file.fits:
        yield copies, f"its table of sections is damaged, by which a copy would be made: {instead}"
    for name in filter(SANITIZER.fullmatch, map(bindings.base, file.needed)):
        yield copies, f"{name} has to be the first of its libraries: {instead}"
    for caller, target in sorted(set().union(*(use.others for use in todo.values()))):
        yield copies, (f"{bindings.base(target)} has functions of the same names for {bindings.base(caller)}, "
                       f"which ours would replace: {instead}")
    for api in todo:
        yield from failures(EVERY_WAY, places.library, api)
    if table:
        for glib in sorted(t for t in todo["GHashTable"].targets if not is_ours(t)):
            yield from failures(EVERY_WAY, places.check_glib, glib)
            yield from failures(("run", "system"), same_glib, glib)
        yield from failures(("run", "system"), places.shadow)


def failures(ways, function, *arguments):
    """A hindrance, if the function fails."""
    try:
        function(*arguments)
    except Failed as failure:
        yield ways, str(failure)


def same_glib(glib):
    if os.path.realpath(glib) != os.path.realpath(places.real_glib()):
        raise Failed(f"its GLib is {glib}, the shadow's {places.real_glib()}: use hmap relink")
