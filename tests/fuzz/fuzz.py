#!/usr/bin/env python3
"""Builds the fuzzers, runs each over its corpus and then for some seconds, and says how many operations that were. A corpus is a
file of lines, each an input in hexadecimal digits; --merge adds what is new and takes what is not needed. What a fuzzer finds it
leaves in its folder, as crash-...; the same command with --reproduce FILE runs one input."""
import argparse
import os
import re
import subprocess
import sys

TARGETS = {"engine": "-lcmocka", "hsearch": "-lcmocka", "sync": "-lcmocka", "trace": "", "way": "", "glib": "glib-2.0"}


def build(source, work, compiler, target, sanitize):
    program = os.path.join(work, target)
    libs = TARGETS[target].split()
    if target == "glib":
        command = ["pkg-config", "--cflags", "--libs", *libs]
        libs = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.split()
    subprocess.run([*compiler.split(), "-O1", "-g", "-std=gnu11", "-w", "-D_GNU_SOURCE", f"-fsanitize={sanitize}",
                    "-fno-sanitize-recover=undefined", f"-I{source}/include", f"-I{source}/lib",
                    f"{source}/tests/fuzz/{target}.c", "-o", program, *libs, "-lpthread", "-ldl"], check=True)
    return program


def corpus_file(source, target):
    return os.path.join(source, "tests", "fuzz", f"{target}.corpus")


def unpack(source, work, target):
    """Returns the folder of a corpus: what the last run left there, and what is kept."""
    folder = os.path.join(work, f"{target}-corpus")
    os.makedirs(folder, exist_ok=True)
    with open(corpus_file(source, target), encoding="ascii") as file:
        for i, line in enumerate(file):
            with open(os.path.join(folder, f"kept-{i}"), "wb") as one:
                one.write(bytes.fromhex(line))
    return folder


def merge(source, work, target, program, folder, most):
    """Writes the inputs that are needed, the shortest first, up to so many bytes."""
    small = os.path.join(work, f"{target}-merged")
    subprocess.run(["rm", "-rf", small], check=True)
    os.makedirs(small)
    subprocess.run([program, "-merge=1", f"-max_len={most // 8}", small, folder], check=True, stderr=subprocess.DEVNULL)
    inputs = []
    for name in os.listdir(small):
        with open(os.path.join(small, name), "rb") as file:
            inputs.append(file.read())
    with open(corpus_file(source, target), "w", encoding="ascii") as file:
        for one in sorted(inputs, key=lambda i: (len(i), i)):
            most -= len(one)
            if most >= 0:
                file.write(one.hex() + "\n")


def run(program, work, target, arguments):
    """Returns whether nothing was found, and how many operations there were."""
    command = [program, f"-artifact_prefix={work}/{target}-", "-rss_limit_mb=4096", "-print_final_stats=1", *arguments]
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace", check=False)
    counted = re.search(r"(\d+) inputs, (\d+) operations", done.stderr)
    if done.returncode:
        print("\n".join(done.stderr.splitlines()[-40:]))
    return done.returncode == 0, [int(n) for n in counted.groups()] if counted else [0, 0]


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("source")
    arguments.add_argument("work")
    arguments.add_argument("--cc", default="clang")
    arguments.add_argument("--sanitize", default="fuzzer,address,undefined")
    arguments.add_argument("--seconds", type=int, default=30)
    arguments.add_argument("--targets", default=" ".join(TARGETS))
    arguments.add_argument("--merge", type=int, metavar="BYTES", help="then write the corpora, so many bytes each")
    arguments.add_argument("--reproduce", metavar="FILE")
    options = arguments.parse_args()
    source, work, good = os.path.abspath(options.source), os.path.abspath(options.work), True
    os.makedirs(work, exist_ok=True)
    sums = [0, 0]
    for target in options.targets.split():
        program = build(source, work, options.cc, target, options.sanitize)
        if options.reproduce:
            subprocess.run([program, options.reproduce], check=False)
            continue
        folder = unpack(source, work, target)
        fine, counts = run(program, work, target, [f"-max_total_time={options.seconds}", "-len_control=0", "-max_len=4096", folder])
        good &= fine
        sums = [a + b for a, b in zip(sums, counts)]
        print(f"{target:10} {counts[0]:12} inputs {counts[1]:14} operations  {'' if fine else 'FAILED'}", flush=True)
        if options.merge:
            merge(source, work, target, program, folder, options.merge)
    print(f"{'in all':10} {sums[0]:12} inputs {sums[1]:14} operations")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
