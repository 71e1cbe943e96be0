"""machine.py: where and with what something was measured."""

import datetime
import os
import pathlib
import platform
import re
import shlex
import subprocess


def output(*command):
    """What a command prints, or nothing where there is no such command."""
    try:
        return subprocess.run(command, capture_output=True, text=True).stdout.strip()
    except OSError:
        return ""


def read(path):
    path = pathlib.Path(path)
    return path.read_text() if path.exists() else ""


def processor():
    model = re.search(r"model name\s*: (.*)", read("/proc/cpuinfo"))
    caches = [read(f"/sys/devices/system/cpu/cpu0/cache/index{i}/size").strip() for i in (2, 3)]
    return f"{model.group(1) if model else platform.machine()}, {os.cpu_count()} cores, L2 {caches[0]}, L3 {caches[1]}"


def system():
    name = re.search(r'PRETTY_NAME="(.*)"', read("/etc/os-release"))
    huge = re.search(r"\[(\w+)\]", read("/sys/kernel/mm/transparent_hugepage/enabled"))
    huge_pages = f"; huge pages: {huge.group(1)}" if huge else ""
    return f"{name.group(1) if name else platform.system()}, Linux {platform.release().split('-')[0]}{huge_pages}"


def versions(peers):
    """The Debian packages of the peers."""
    packages = sorted({peer.package for peer in peers})
    found = [output("dpkg-query", "-W", "-f", "${Package} ${Version}", package) for package in packages]
    return ", ".join(text for text in found if " " in text.strip())


def describe(peers, arguments):
    """A list in Markdown. To be called before anything is measured."""
    compiler = output(*shlex.split(os.environ.get("CC") or "cc"), "--version").split("\n")[0]
    return f"""- processor: {processor()}
- system: {system()}
- compiler: {compiler}, -O2
- packages: {versions(peers)}
- measured: {datetime.date.today()}, by `{shlex.join(["bench.py", *arguments])}`; load average before: {os.getloadavg()[0]:.1f}
"""
