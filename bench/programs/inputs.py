"""inputs.py: what the programs read, made from public formats, the same each time. Each function writes into the current folder;
its scale is 1 for a benchmark, and less for a small trace."""

import json
import math
import os
import random
import struct


def write(name, text):
    folder = os.path.dirname(name)
    if folder:
        os.makedirs(folder, exist_ok=True)
    with open(name, "w", encoding="utf-8") as file:
        file.write(text)


def objects(scale):
    write("objects.json", json.dumps([{"id": i, "name": f"n{i}", "a": 2 * i, "b": str(i), "tags": {"x": 1, "y": 2, "z": 3}, "q": [1, 2]}
                                      for i in range(int(20000 * scale))]))


def lock(scale):
    rng = random.Random(1)
    write("lock.json", json.dumps({"name": "x", "dependencies": {f"package-{i}": {
        "version": f"{i % 9}.{i % 7}.{i}", "resolved": f"https://example.org/package-{i}.tgz",
        "integrity": f"sha512-{rng.getrandbits(128):x}"} for i in range(int(50000 * scale))}}))


def crafted(scale):
    """One object whose keys are blocks "Ab" and "BA", which g_str_hash takes for each other."""
    count = int(6000 * scale)
    bits = max(count - 1, 1).bit_length()
    keys = ("".join("Ab" if n >> b & 1 else "BA" for b in range(bits)) for n in range(count))
    write("crafted.json", json.dumps({key: n for n, key in enumerate(keys)}))


def table(scale):
    rng, lines = random.Random(2), []
    for _ in range(int(400 * scale)):
        lines.append(",".join(str(rng.randint(0, 1000)) if c % 2 else f"cell {rng.randint(0, 400)}" for c in range(100)))
    write("table.csv", "\n".join(lines) + "\n")


def translations(scale):
    for name, shift in ("a.po", 0), ("b.po", int(5000 * scale)):
        entries = (f'#: file.c:{i}\nmsgid "message number {i + shift}"\nmsgstr "text {i}"\n' for i in range(int(20000 * scale)))
        write(name, 'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=UTF-8\\n"\n\n' + "\n".join(entries))


def catalogue(scale):
    components = (f"""<component type="desktop-application"><id>org.example.app{i}</id><name>App {i}</name><name xml:lang="de">Anwendung {i}</name>
<summary>Does {i}</summary><pkgname>app{i}</pkgname><categories><category>Utility</category></categories>
<releases><release version="1.{i}" timestamp="16000{i % 99999:05d}"/></releases></component>""" for i in range(int(8000 * scale)))
    write("catalogue.xml", '<?xml version="1.0"?>\n<components version="0.14" origin="test">' + "\n".join(components) + "</components>\n")


def torus(scale):
    """A closed surface of triangles in GTS's format."""
    n = int(150 * math.sqrt(scale))
    points = [((3 + math.cos(v)) * math.cos(u), (3 + math.cos(v)) * math.sin(u), math.sin(v))
              for u in (2 * math.pi * i / n for i in range(n)) for v in (2 * math.pi * j / n for j in range(n))]
    edges, faces = {}, []

    def edge(a, b):
        return edges.setdefault((min(a, b), max(a, b)), len(edges) + 1)

    for i in range(n):
        for j in range(n):
            a, b, c, d = i * n + j, (i + 1) % n * n + j, (i + 1) % n * n + (j + 1) % n, i * n + (j + 1) % n
            faces += [(edge(a, b), edge(b, c), edge(a, c)), (edge(a, c), edge(c, d), edge(a, d))]
    lines = [f"{len(points)} {len(edges)} {len(faces)}"] + ["%g %g %g" % p for p in points]
    lines += [f"{a + 1} {b + 1}" for a, b in edges] + ["%d %d %d" % f for f in faces]
    write("torus.gts", "\n".join(lines) + "\n")


def sites(scale):
    rng, n = random.Random(3), int(30000 * scale)
    write("sites", "\n".join([f"{n} 0 0"] + [f"{rng.random():.9f} {rng.random():.9f} 0" for _ in range(n)]) + "\n")


def capture(scale):
    """UDP between many addresses, as libpcap writes it."""
    rng, packets = random.Random(4), [struct.pack("=IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)]
    for i in range(int(40000 * scale)):
        source, target = (bytes([10, 0, rng.randrange(256), rng.randrange(256)]) for _ in range(2))
        udp = struct.pack(">HHHH", rng.randrange(1024, 65536), 9999, 16, 0) + b"payload!"
        ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(udp), i & 0xFFFF, 0, 64, 17, 0) + source + target
        frame = bytes(12) + b"\x08\x00" + ip + udp
        packets.append(struct.pack("=IIII", i // 1000, i % 1000 * 1000, len(frame), len(frame)) + frame)
    with open("capture.pcap", "wb") as file:
        file.write(b"".join(packets))


def replies(scale):
    """ARP replies, and a list of the vendors of network cards."""
    packets = [struct.pack("=IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)]
    for number in range(20):
        mac = bytes.fromhex(f"{0x020000000 + number * 7919:09x}abc")
        frame = (bytes(6) + mac + bytes.fromhex("08060001080006040002") + mac + bytes([127, 0, 0, 1]) + bytes(6) + bytes([127, 0, 0, 2])).ljust(60, b"\0")
        packets.append(struct.pack("=IIII", 0, 0, len(frame), len(frame)) + frame)
    with open("replies.pcap", "wb") as file:
        file.write(b"".join(packets))
    write("vendors.txt", "".join(f"{0x020000000 + n * 7919:09X}\tMade Vendor {n}\n" for n in range(int(60000 * scale))))


def icons(scale):
    write("icons/index.theme", "[Icon Theme]\nName=t\nComment=t\nDirectories=" + ",".join(f"{s}x{s}/apps" for s in (16, 32, 48)) + "\n" +
          "".join(f"\n[{s}x{s}/apps]\nSize={s}\nType=Fixed\n" for s in (16, 32, 48)))
    for size in 16, 32, 48:
        for i in range(int(1000 * scale)):
            write(f"icons/{size}x{size}/apps/icon-{i}.svg", "<svg/>\n")


def schemas(scale):
    for i in range(int(300 * scale)):
        keys = "".join(f'<key name="key-{k}" type="i"><default>{k}</default></key>' for k in range(40))
        write(f"schemas/org.example.s{i}.gschema.xml", f'<schemalist><schema id="org.example.s{i}" path="/org/example/s{i}/">{keys}</schema></schemalist>')


def resources(scale):
    names = [f"file-{i}.txt" for i in range(int(2000 * scale))]
    for name in names:
        write(f"data/{name}", name * 5)
    write("r.gresource.xml", '<gresources><gresource prefix="/org/example">' + "".join(f"<file>data/{n}</file>" for n in names) + "</gresource></gresources>")


def files(scale):
    for i in range(int(5000 * scale)):
        write(f"tree/{i % 50}/file-{i}.txt", f"text {i % 1000}\n")


def desktop_files(scale):
    for i in range(int(5000 * scale)):
        write(f"applications/app{i}.desktop", f"[Desktop Entry]\nType=Application\nName=App {i}\nExec=true\nMimeType=text/x-{i % 300};image/x-{i % 200};\n")


def dconf(scale):
    for i in range(int(300 * scale)):
        write(f"db.d/{i:05d}", "".join(f"[org/example/s{i}/g{g}]\n" + "".join(f"key{k}={k}\n" for k in range(10)) for g in range(20)))


def mail(scale):
    for i in range(int(1000 * scale)):
        write(f"mail/cur/{i}:2,S", f"From: a{i % 50}@example.org\nTo: b@example.org\nSubject: s{i % 300}\nMessage-ID: <{i}@example.org>\n"
              f"In-Reply-To: <{i // 2}@example.org>\nDate: Mon, 1 Jan 2024 00:00:{i % 60:02d} +0000\n\nbody {i}\n")
    write("notmuch-config", "[database]\npath=mail\n[user]\nname=n\nprimary_email=b@example.org\n")


def mime(scale):
    types = (f'<mime-type type="application/x-made-{i}"><comment>Made {i}</comment><glob pattern="*.m{i}"/><alias type="text/x-made-{i}"/></mime-type>'
             for i in range(int(5000 * scale)))
    write("mime/packages/made.xml", '<?xml version="1.0"?>\n<mime-info xmlns="http://www.freedesktop.org/standards/shared-mime-info">' +
          "".join(types) + "</mime-info>\n")


def script(scale):
    n = int(100000 * scale)
    write("use.py", "from gi.repository import GLib, Gio\n"
          f"for i in range({n // 100}):\n    GLib.uri_parse_params('a=1&b=2', -1, '&', 0); Gio.SimpleAction.new('a%d' % i, None)\n")
    write("use.js", "const {Gio} = imports.gi;\n" f"for (let i = 0; i < {n // 10}; i++) Gio.SimpleAction.new('a' + i, null);\n")
    write("use.vala", "void main() {\n  var t = new HashTable<string, int>(str_hash, str_equal);\n" +
          "".join(f'  t["k{i}"] = {i};\n' for i in range(n // 100)) + "}\n")


def drawing(scale):
    rng = random.Random(5)
    shapes = (f'<g id="g{i}"><rect id="r{i}" x="{rng.randrange(900)}" y="{rng.randrange(900)}" width="9" height="9" style="fill:#{rng.getrandbits(24):06x}"/></g>'
              for i in range(int(2000 * scale)))
    write("drawing.svg", '<svg xmlns="http://www.w3.org/2000/svg" width="1000" height="1000">' + "".join(shapes) + "</svg>\n")


def words(scale):
    rng = random.Random(6)
    write("words.txt", "\n".join(" ".join(f"word{rng.randrange(3000)}" for _ in range(12)) for _ in range(int(2000 * scale))) + "\n")


def document(scale):
    """A PDF with a page of rectangles."""
    rng = random.Random(7)
    marks = "\n".join(f"{rng.random():.2f} 0 0 rg {rng.randrange(600)} {rng.randrange(800)} 9 9 re f" for _ in range(int(20000 * scale)))
    objects = ["<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Kids[3 0 R]/Count 1>>",
               "<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 4 0 R/Resources<<>>>>",
               f"<</Length {len(marks)}>>stream\n{marks}\nendstream"]
    text, places = "%PDF-1.4\n", []
    for number, found in enumerate(objects, 1):
        places.append(len(text))
        text += f"{number} 0 obj\n{found}\nendobj\n"
    table = "".join(f"{place:010d} 00000 n \n" for place in places)
    write("document.pdf", f"{text}xref\n0 5\n0000000000 65535 f \n{table}trailer\n<</Size 5/Root 1 0 R>>\nstartxref\n{len(text)}\n%%EOF\n")


def interfaces(scale):
    """Functions and structures of a library, as GObject Introspection writes them."""
    found = []
    for i in range(int(4000 * scale)):
        found.append(f'<record name="R{i}" c:type="MadeR{i}">' + "".join(
            f'<field name="f{k}" writable="1"><type name="gint" c:type="gint"/></field>' for k in range(3)) + "</record>")
        found.append(f'<function name="f{i}" c:identifier="made_f{i}"><return-value transfer-ownership="none"><type name="gint" c:type="gint"/>'
                     f'</return-value><parameters><parameter name="r" transfer-ownership="none"><type name="R{i}" c:type="MadeR{i}*"/>'
                     '</parameter></parameters></function>')
    write("Made-1.0.gir", '<?xml version="1.0"?>\n<repository version="1.2" xmlns="http://www.gtk.org/introspection/core/1.0" '
          'xmlns:c="http://www.gtk.org/introspection/c/1.0"><namespace name="Made" version="1.0" shared-library="libmade.so.1" '
          'c:identifier-prefixes="Made" c:symbol-prefixes="made">' + "\n".join(found) + "</namespace></repository>\n")


def configurations(scale):
    n = int(2000 * scale)
    write("syslog-ng.conf", "@version: current\n" + "".join(f"source s{i} {{ internal(); }};\ndestination d{i} {{ file(\"/dev/null\"); }};\n"
                                                         for i in range(n // 10)) + "log { source(s0); destination(d0); };\n")
    write("drbd.conf", "".join(f"resource r{i} {{ on a {{ device /dev/drbd{i} minor {i}; disk /dev/null; address 127.0.0.1:{7000 + i}; meta-disk internal; }}\n"
                               f"on b {{ device /dev/drbd{i} minor {i}; disk /dev/null; address 127.0.0.2:{7000 + i}; meta-disk internal; }} }}\n"
                               for i in range(n // 10)))
    primitives = "".join(f'<primitive id="r{i}" class="ocf" provider="heartbeat" type="Dummy"/>' for i in range(n // 50))
    write("cib.xml", '<cib validate-with="pacemaker-3.0" epoch="1" num_updates="0" admin_epoch="0"><configuration><crm_config>'
          '<cluster_property_set id="o"><nvpair id="o1" name="stonith-enabled" value="false"/></cluster_property_set></crm_config><nodes>'
          '<node id="1" uname="n1"/></nodes><resources>' + primitives + '</resources><constraints/></configuration><status>'
          '<node_state id="1" uname="n1" in_ccm="true" crmd="online" join="member" expected="member"/></status></cib>')
    write("manifest.json", json.dumps({"app-id": "org.example.App", "runtime": "org.example.Platform", "runtime-version": "1",
                                       "sdk": "org.example.Sdk", "command": "x", "modules": [
                                           {"name": f"m{i}", "sources": [{"type": "file", "path": "manifest.json"}]} for i in range(n // 4)]}))


def nothing(_):
    """The program reads the system's own files."""
