"""What the command hmap is made of: main.py chooses the subcommand, each subcommand has a module of its name, and elf.py and
bindings.py ask the tools that know: readelf, patchelf and the dynamic linker."""
