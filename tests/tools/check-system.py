#!/usr/bin/python3 -B
"""A Debian system of its own, of this one's release (debootstrap, in the work folder) with ten GLib programs of different kinds. Each
runs three times: as it comes; after hmap system on; and after hmap was removed. What it prints and writes, and its exit status,
have to be the same each time, and while the system is switched on our tables have to be counted. hmap comes as packages, if make
check-deb has made them.

It takes root and debootstrap; the packages come from the mirror that this system uses. The exit status is 1 if anything differs.
"""

import argparse
import importlib.util
import os
import pathlib
import re
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
PACKAGES = ("libglib2.0-bin shared-mime-info ostree tshark appstream gstreamer1.0-tools python3-gi gjs librsvg2-bin qemu-utils "
            "desktop-file-utils patchelf binutils fonts-dejavu-core")
OBJECT = """
from gi.repository import Gio, GLib
print(sorted(GLib.uri_parse_params("a=1&b=2&c=3", -1, "&", GLib.UriParamsFlags.NONE).items()))
info = Gio.File.new_for_path("/etc/passwd").query_info("standard::*", Gio.FileQueryInfoFlags.NONE, None)
print(sorted(info.list_attributes()), info.get_content_type())
print(sorted(GLib.Variant("a{sv}", {"x": GLib.Variant("i", 1), "y": GLib.Variant("s", "two")}).unpack().items()))
"""
SCRIPT = """
const {Gio, GLib} = imports.gi;
let dictionary = new GLib.Variant('a{sv}', {a: new GLib.Variant('s', 'one'), b: new GLib.Variant('i', 2)});
print(Object.keys(dictionary.deepUnpack()).sort(), GLib.uri_parse_params('p=q&r=s', -1, '&', 0).p);
print(Gio.File.new_for_path('/etc/passwd').query_info('standard::*', 0, null).list_attributes(null).sort());
"""
PICTURE = """<svg xmlns="http://www.w3.org/2000/svg" width="100" height="60"><defs><linearGradient id="g">
<stop offset="0" stop-color="red"/><stop offset="1" stop-color="blue"/></linearGradient></defs>
<style>.a { fill: url(#g) }</style><rect class="a" width="90" height="50"/>
<text x="10" y="30">hmap</text></svg>"""
OSTREE = ("ostree --repo=repo init --mode=bare-user-only && ostree --repo=repo commit --branch=main --subject=test "
          "--timestamp='2024-01-01 00:00:00 +0000' --owner-uid=0 --owner-gid=0 --no-xattrs --canonical-permissions "
          "/usr/share/common-licenses && ostree --repo=repo ls -R -C main && ostree --repo=repo checkout -U main tree")
# What each program does, as a shell would, in a folder of its own; /input holds what is written by write_input.
PROGRAMS = {
    "gio": "gio info /etc/passwd && gio mime text/plain && gio list -l /usr/share/mime",
    "ostree": OSTREE,
    "tshark": "for how in '-V' '-T json' '-q -z io,phs -z conv,ip'; do tshark -n -r /input/capture.pcap $how; done",
    "appstreamcli": "appstreamcli convert /input/catalog.xml catalog.yml && appstreamcli convert catalog.yml again.xml; "
                    "appstreamcli validate --no-net /input/catalog.xml",
    "gst-inspect-1.0": "gst-inspect-1.0 fakesrc && gst-inspect-1.0 --print-all && rm -r .cache",
    "python3 (PyGObject)": "python3 /input/object.py",
    "gjs": "gjs /input/script.js",
    "rsvg-convert": "rsvg-convert -w 300 -o picture.png /input/picture.svg && "
                    "rsvg-convert -f svg -o again.svg /input/picture.svg",
    "qemu-img": "qemu-img create -f qcow2 disk 8M && qemu-img convert -O raw disk raw && qemu-img check disk && "
                "qemu-img info --output=json disk | grep -v actual-size",
    "update-desktop-database": "cp -r /input/applications . && update-desktop-database -v applications && "
                               "desktop-file-validate applications/*.desktop",
}


def main():
    args = arguments()
    if os.geteuid() != 0 or not shutil.which("debootstrap"):
        sys.exit("check-system: this takes root and debootstrap")
    system = System(args.work.resolve(), args.build.resolve())
    print(f"hmap comes {'as packages' if system.packages else 'by make install'}")
    system.make()
    stock = system.run_all()
    system.install()
    print(system.inside("hmap system on"), end="")
    switched, counts = system.run_all(), system.counts()
    system.remove()
    after = system.run_all()
    return report(stock, switched, after, counts)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, required=True, help="where hmap was built")
    parser.add_argument("--work", type=pathlib.Path, required=True, help="a folder to work in")
    return parser.parse_args()


def call(*argv, **options):
    done = subprocess.run([str(a) for a in argv], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
                          **options)
    if done.returncode:
        sys.exit(f"check-system: {argv[0]} failed:\n{done.stdout[-2000:]}")
    return done.stdout


class System:
    """The new system, in work/root."""

    def __init__(self, work, build):
        self.work, self.build, self.root = work, build, work / "root"
        self.packages = [f for name in ("libhmap1", "libhmap-glib1", "hmap-tools") for f in (build / "check-deb").glob(f"{name}_*.deb")]

    def make(self):
        shutil.rmtree(self.root, ignore_errors=True)
        self.work.mkdir(parents=True, exist_ok=True)
        mirror, suite = debian()
        print(f"making a Debian {suite} in {self.root}", flush=True)
        call("debootstrap", "--variant=minbase", suite, self.root, mirror)
        shutil.copy("/etc/resolv.conf", self.root / "etc")
        self.inside(f"apt-get update -q && apt-get install -q -y --no-install-recommends {PACKAGES}",
                    DEBIAN_FRONTEND="noninteractive")
        write_input(self.root / "input")

    def install(self):
        if not self.packages:
            call("make", "-s", "install", f"DESTDIR={self.root}", cwd=self.build)
            return
        for package in self.packages:
            shutil.copy(package, self.root / "input")
        self.inside("dpkg -i " + " ".join(f"/input/{p.name}" for p in self.packages))

    def remove(self):
        """The removal of the packages switches the system off."""
        if self.packages:
            print(self.inside("dpkg --purge hmap-tools libhmap-glib1 libhmap1"), end="")
        else:
            print(self.inside("hmap system off"), end="")
            call("make", "-s", "uninstall", f"DESTDIR={self.root}", cwd=self.build)
        left = [str(p) for p in self.root.rglob("*hmap*") if p.is_file() and not {"stats", "proc", "input"} & set(p.parts)]
        if left:
            sys.exit(f"check-system: left after the removal: {' '.join(left)}")

    def inside(self, command, **env):
        """What a shell command prints in the new system, which has a /proc of its own."""
        enter = 'mount -t proc proc "$1/proc" && exec chroot "$1" sh -c "$2"'
        return call("unshare", "--mount", "--pid", "--fork", "sh", "-c", enter, "enter", self.root, command,
                    env={"PATH": "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC", **env})

    def run_all(self):
        """{program: {file: content}}, outputs and exit status among them."""
        shutil.rmtree(self.root / "stats", ignore_errors=True)
        (self.root / "stats").mkdir()
        return {name: self.run(name, command) for name, command in PROGRAMS.items()}

    def run(self, name, command):
        shutil.rmtree(self.root / "run-here", ignore_errors=True)
        (self.root / "run-here").mkdir()
        self.inside(f"cd /run-here && {{ {command}; }} >stdout 2>stderr; echo $? >status", HOME="/run-here",
                    XDG_RUNTIME_DIR="/run-here", HMAP_STATS=f"/stats/{name}")
        return {str(p.relative_to(self.root)): p.read_bytes() for p in sorted((self.root / "run-here").rglob("*"))
                if p.is_file() and not p.is_symlink()}

    def counts(self):
        """{program: (tables, entries)} of libhmap-glib, all processes together."""
        files = {name: self.root / "stats" / name for name in PROGRAMS}
        texts = {name: file.read_text() if file.exists() else "" for name, file in files.items()}
        return {name: tuple(sum(map(int, re.findall(rf"^libhmap-glib .* {key}=(\d+)", text, re.MULTILINE)))
                            for key in ("tables", "entries")) for name, text in texts.items()}


def debian():
    """The mirror and the suite that this system has its own packages from."""
    found = call("apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE)", "Identifier: Packages", "Label: Debian").split()
    return found[:2] if found else sys.exit("check-system: apt knows no mirror of Debian (apt-get update makes it look)")


def write_input(folder):
    """Files for the programs; the capture and the catalog are those of check-glib."""
    spec = importlib.util.spec_from_file_location("check_glib", HERE.parent / "compat" / "check-glib.py")
    check_glib = importlib.util.module_from_spec(spec)
    sys.modules["check_glib"] = check_glib
    spec.loader.exec_module(check_glib)
    (folder / "applications").mkdir(parents=True)
    check_glib.write_capture(folder)
    check_glib.write_metainfo(folder)
    (folder / "object.py").write_text(OBJECT)
    (folder / "script.js").write_text(SCRIPT)
    (folder / "picture.svg").write_text(PICTURE)
    for i in range(50):
        (folder / "applications" / f"app{i}.desktop").write_text(
            f"[Desktop Entry]\nType=Application\nName=App {i}\nExec=app{i}\nMimeType=text/x-{i % 7};image/x-{i % 5};\n")


def report(stock, switched, after, counts):
    print(f"\n{'program':24} {'switched on':12} {'removed':12} {'tables':>7} {'entries':>8}  exit status, bytes printed, files")
    good = True
    for name, files in stock.items():
        words = [verdict(files, other) for other in (switched[name], after[name])]
        tables, entries = counts[name]
        status, printed = files["run-here/status"].decode().strip(), len(files["run-here/stdout"])
        good = good and words == ["same", "same"] and tables > 0 and status == "0"
        print(f"{name:24} {words[0]:12} {words[1]:12} {tables:7} {entries:8}  {status}, {printed}, {len(files) - 3}")
    return 0 if good else 1


def verdict(files, other):
    different = [name for name in sorted(files.keys() | other.keys()) if files.get(name) != other.get(name)]
    return f"DIFFERS: {' '.join(different[:3])}" if different else "same"


if __name__ == "__main__":
    sys.exit(main())
