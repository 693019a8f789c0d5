#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""rig.py [--long] [--seed HEX] [--only TEXT] KERNEL GUEST SCAN WORK JSON: what secrets leave in a machine's memory.

Boots virtual machines (QEMU, emulated) whose memory is a file.  Their one program (guest.c) runs cases, scene by subject; after each the
machine is stopped and its memory and its swap disk are looked through from outside for that case's markers.  KERNEL is a folder with
`vmlinux`, `version` and `modules/`; WORK is for large files, which are removed.  Prints a table and a line a case for ./test, and writes JSON.

A zero means something only beside a control: each scene has subjects that must leave markers, or must have been moved or swapped out.
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import threading

SUBJECTS = ["malloc", "mlock-wipe", "libsodium", "labyrinth", "labyrinth-secret"]
OURS = ["labyrinth", "labyrinth-secret"]

# Bits of labyrinth/vault.h.
LOCKED, PINNED, NOFORK, SHREDDED, SHREDDED_KILLED = 1, 2, 8, 32, 128
REQUIRED = {"labyrinth": 63, "labyrinth-secret": 63 | SHREDDED_KILLED}

# Of a scene: the bits that promise zero; the subjects that must leave markers (in swap: there); what else must be true of which.
SCENES = {
    "free": dict(bits=SHREDDED, controls=["malloc"]),
    # (A handler overwrites all that it can reach: a program that crashes, its core not dumped.)
    "crash": dict(bits=SHREDDED, controls=["malloc", "mlock-wipe"], facts={"labyrinth": "overwritten", "labyrinth-secret": "overwritten"}),
    "kill": dict(bits=SHREDDED_KILLED, controls=["malloc", "mlock-wipe"]),
    "fork": dict(bits=SHREDDED | NOFORK, controls=["malloc", "mlock-wipe"]),
    "clone": dict(bits=SHREDDED | NOFORK, controls=["malloc", "mlock-wipe"]),
    "exec": dict(bits=SHREDDED_KILLED, controls=["malloc", "mlock-wipe"]),
    "compaction": dict(bits=SHREDDED | PINNED, controls=["malloc", "mlock-wipe"], facts={"mlock-wipe": "moved"}),
    "collapse": dict(bits=SHREDDED | PINNED, controls=["malloc", "mlock-wipe"], facts={"mlock-wipe": "moved"}),
    # (The press for memory compacts it, too: what is locked is not swapped, but moved.)
    "swap": dict(bits=SHREDDED | LOCKED | PINNED, controls=["malloc"], facts={"malloc": "swapped"}, in_swap=True),
}
# Which boots beside which: the second group is the slower, for it fills memory.
GROUPS = [["free", "crash", "kill", "fork", "clone", "exec", "collapse"], ["compaction", "swap"]]

MEMORY_MIB = {False: 384, True: 768}
SWAP_MIB = {False: 384, True: 768}
CASE_SECONDS = {False: 120, True: 600}

# So many words of markers may lie about where zero is promised: the kernel saves a task's registers when it interrupts it.  More of
# them are pages half overwritten.
STRAY_WORDS = 64


class Broken(Exception):
    """The rig itself does not work: no case can be judged."""


def swap_file(path, mebibytes):
    """A swap disk, as mkswap would make it."""
    pages = mebibytes << 8
    header = bytearray(4096)
    header[1024:1032] = (1).to_bytes(4, "little") + (pages - 1).to_bytes(4, "little")
    header[4086:] = b"SWAPSPACE2"
    with open(path, "wb") as file:
        file.write(header)
        file.truncate(pages << 12)


def initial_files(kernel, guest, path):
    """The guest's program and the modules, numbered in the order in which they are loaded."""
    with tempfile.TemporaryDirectory(dir=path.parent) as name:
        root = pathlib.Path(name)
        for folder in ("dev", "proc", "sys", "modules"):
            (root / folder).mkdir()
        shutil.copy(guest, root / "init")
        os.chmod(root / "init", 0o755)
        for number, module in enumerate(sorted((kernel / "modules").iterdir())):
            shutil.copy(module, root / "modules" / f"{number:02}")
        names = "".join(f"{file.relative_to(root)}\n" for file in sorted(root.rglob("*")))
        with open(path, "wb") as file:
            subprocess.run(["cpio", "--quiet", "-o", "-H", "newc"], cwd=root, input=names.encode(), stdout=file, check=True)


class Machine:
    """One virtual machine, from boot to power-off."""

    def __init__(self, options, kernel_line, processors):
        self.folder = pathlib.Path(tempfile.mkdtemp(dir=options.work, prefix="machine-"))
        self.memory, self.swap = self.folder / "memory", self.folder / "swap"
        initial_files(options.kernel, options.guest, self.folder / "initrd")
        swap_file(self.swap, SWAP_MIB[options.long])
        size = f"{MEMORY_MIB[options.long]}M"
        listener = socket.socket(socket.AF_UNIX)
        folder = os.open(self.folder, os.O_PATH)
        listener.bind(f"/proc/self/fd/{folder}/qmp")  # a socket's path must be short, and ours may be deep
        os.close(folder)
        listener.listen(1)
        listener.settimeout(60)
        self.errors = open(self.folder / "errors", "w+b")
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL",  # it ends with us, however we end
             "qemu-system-x86_64", "-M", "q35,memory-backend=ram", "-accel", "tcg", "-cpu", "max", "-m", size,
             "-object", f"memory-backend-file,id=ram,size={size},mem-path=memory,share=on",
             "-smp", str(processors), "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
             "-serial", "stdio", "-qmp", "unix:qmp", "-drive", "file=swap,format=raw,if=virtio,cache=writeback",
             "-kernel", str(options.kernel / "vmlinux"), "-initrd", "initrd", "-append", kernel_line],
            cwd=self.folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors)
        try:
            self.qmp = listener.accept()[0].makefile("rw")
        except OSError as error:
            self.end()
            raise Broken(f"QEMU does not start: {self.said()}") from error
        finally:
            listener.close()
        self.qmp.readline()
        self.order("qmp_capabilities")

    def said(self):
        self.errors.seek(0)
        return self.errors.read().decode(errors="replace").strip()[-300:] or "it says nothing"

    def order(self, name):
        self.qmp.write(json.dumps({"execute": name}) + "\n")
        self.qmp.flush()
        for line in self.qmp:
            answer = json.loads(line)
            if "return" in answer:
                return
            if "error" in answer:
                raise Broken(f"QEMU refuses {name}: {answer['error']}")
        raise Broken(f"QEMU ended at {name}")

    def lines(self, seconds):
        """What the guest says; ends when the machine does, or when it has been silent for so long."""
        while True:
            watch = threading.Timer(seconds, self.process.kill)
            watch.start()
            line = self.process.stdout.readline()
            watch.cancel()
            if not line:
                return
            yield line.decode(errors="replace").strip()

    def go_on(self):
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()

    def end(self):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def look(options, number, machine):
    """Memory and disk of a stopped machine."""
    machine.order("stop")
    words = [options.scan, f"{options.seed:x}", str(number), str(options.pages), machine.memory, machine.swap]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    machine.order("cont")
    if done.returncode:
        raise Broken(f"scan: {done.stderr.strip()}")
    return [{name: int(value) for name, value in re.findall(r"(\w+)=(\d+)", line)} for line in done.stdout.splitlines()]


def in_words(row):
    """A row, for the log."""
    text = f"{row['scene']}, {row['subject']}: "
    if "broken" in row:
        return text + row["broken"]
    text += f"{row['ram']['markers']} of {row['written']} markers in memory ({row['ram']['pages']} pages, {row['ram']['copies']} copies, " \
            f"{row['ram']['stray']} stray words), {row['swap']['markers']} in swap"
    return text + "".join(f", {row[fact]} {fact}" for fact in ("moved", "swapped", "collapsed", "overwritten") if fact in row)


def boot(options, cases, say):
    """Run these cases in one machine; {number: row}."""
    rows = {}
    wanted = ",".join(f"{number}/{scene}/{subject}" for number, scene, subject in cases)
    names = {number: (scene, subject) for number, scene, subject in cases}
    line = (f"console=ttyS0 quiet loglevel=1 panic=-1 secretmem.enable=1 "
            f"remanence={options.seed:x}:{options.pages}:{wanted}")
    if len(line) > 2047:
        raise Broken("the kernel's command line is too long")
    machine = Machine(options, line, 2 if options.long else 1)
    try:
        for text in machine.lines(CASE_SECONDS[options.long]):
            kind, _, rest = text.partition(" ")
            if kind not in ("@scan", "@broken"):
                say(f"   guest: {text}")
                continue
            number, _, rest = rest.partition(" ")
            scene, subject = names[int(number)]
            row = rows[int(number)] = dict(scene=scene, subject=subject, seed=f"{options.seed:x}", pages=options.pages)
            if kind == "@broken":
                row["broken"] = rest
            else:
                row.update({name: int(value) for name, value in re.findall(r"(\w+)=(\d+)", rest)})
                row["ram"], row["swap"] = look(options, int(number), machine)
                machine.go_on()
            say(f"   {in_words(row)}")
        said = machine.said()
    finally:
        machine.end()
    for number, (scene, subject) in names.items():
        rows.setdefault(number, dict(scene=scene, subject=subject, seed=f"{options.seed:x}", pages=options.pages,
                                     broken=f"the machine ended before it ({said})"))
    return rows


def promised(row):
    """Do its bits promise that nothing is left of this scene?"""
    bits = SCENES[row["scene"]]["bits"] if row["scene"] in SCENES else 0
    return bool(bits) and row.get("promises", REQUIRED.get(row["subject"], 0)) & bits == bits


def wrong_of_fact(row):
    """Why what the scene is about has not happened; None: it has."""
    fact = SCENES[row["scene"]].get("facts", {}).get(row["subject"])
    return f"{row['subject']}: none of its pages has been {fact}" if fact and not row.get(fact) else None


def wrong_of_ours(row):
    """Why this row breaks a promise; None: it does not."""
    if "broken" in row:
        return f"{row['subject']}: {row['broken']}"
    required = REQUIRED[row["subject"]]
    if row["promises"] & required != required:
        return f"{row['subject']}: its room promises {row['promises']:#x} only"
    found = {place: row[place]["markers"] for place in ("ram", "swap")}
    if promised(row) and any(found.values()):
        return f"{row['subject']}: {found['ram']} of {row['written']} markers in memory, {found['swap']} in swap"
    if promised(row) and row["ram"]["stray"] + row["swap"]["stray"] > STRAY_WORDS:
        return f"{row['subject']}: {row['ram']['stray']} words of torn markers in memory, {row['swap']['stray']} in swap"
    if promised(row) and (row.get("moved") or row.get("swapped")):
        return f"{row['subject']}: {row.get('moved', 0)} pages moved, {row.get('swapped', 0)} swapped out"
    return wrong_of_fact(row)


def wrong_of_control(row):
    if "broken" in row:
        return f"{row['subject']}: {row['broken']}"
    scene = SCENES[row["scene"]]
    place = "swap" if scene.get("in_swap") else "ram"
    if row["subject"] in scene["controls"] and not row[place]["markers"]:
        return f"{row['subject']}: none of {row['written']} markers in {place}"
    return wrong_of_fact(row)


def judge_planted(rows):
    """Rows where the machine is not looked at rightly."""
    for row in rows:
        if "broken" in row:
            yield row["broken"]
        elif (row["ram"]["markers"], row["ram"]["pages"], row["swap"]["markers"]) != (row["written"], 3, 0):
            yield f"{row['ram']} for 3 pages and {row['written']} whole markers"
        elif row["ram"]["stray"] < 7:
            yield f"{row['ram']['stray']} words of the torn marker"


def judge(rows):
    """[(case, why or None)]"""
    cases = []
    planted = [row for row in rows if row["scene"] == "planted"]
    if planted:
        cases.append(("planted", next(judge_planted(planted), None)))
    for scene in SCENES:
        here = [row for row in rows if row["scene"] == scene]
        for case, side, wrong in ((f"{scene}.controls", False, wrong_of_control), (scene, True, wrong_of_ours)):
            side = [row for row in here if (row["subject"] in OURS) == side]
            reasons = {row["subject"]: f"{why} (seed {row['seed']})" for row in side if (why := wrong(row))}  # one a subject is enough
            if side:
                cases.append((case, "; ".join(reasons.values()) or None))
    return cases


def cell(rows):
    """The worst of several seeds' rows, for people."""
    if not rows:
        return ""
    if any("broken" in row for row in rows):
        return "?"
    row = max(rows, key=lambda row: row["ram"]["markers"] + row["swap"]["markers"])
    text = f"{row['ram']['markers']:,}"
    if row["swap"]["markers"]:
        text += f" + {row['swap']['markers']:,}"
    return f"**{text}**" if promised(row) else text


def table(rows):
    written = next((row["written"] for row in rows if row.get("written") and row["scene"] != "planted"), 0)
    lines = [f"Markers found (of {written:,} written; + in swap; bold: its bits promise zero)", "",
             "| | " + " | ".join(SUBJECTS) + " |", "|---" * (len(SUBJECTS) + 1) + "|"]
    for scene in SCENES:
        lines.append(f"| {scene} | " + " | ".join(
            cell([row for row in rows if row["scene"] == scene and row["subject"] == subject]) for subject in SUBJECTS) + " |")
    return "\n".join(lines)


def arguments():
    parser = argparse.ArgumentParser(usage=__doc__.split(":")[0])
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--seed", type=lambda text: int(text, 16), default=None)
    parser.add_argument("--only", default="", help="cases with this text in SCENE/SUBJECT")
    for name in ("kernel", "guest", "scan", "work", "json"):
        parser.add_argument(name, type=lambda text: pathlib.Path(text).resolve())
    return parser.parse_args()


def main():
    options = arguments()
    first = options.seed if options.seed is not None else secrets.randbits(64)
    options.pages = 4096 if options.long else 512
    lock = threading.Lock()

    def say(text):
        with lock:
            print(text, flush=True)

    rows = []
    for turn in range(3 if options.long else 1):
        options.seed = (first + turn) & (1 << 64) - 1
        say(f"seed {options.seed:x}")
        groups = []
        number = 0
        for group in GROUPS:
            cases = [("planted", "mlock-wipe")] + [(scene, subject) for scene in group for subject in SUBJECTS]
            cases = [case for case in cases if case[0] == "planted" or options.only in "/".join(case)]
            if len(cases) > 1:
                groups.append([(number + i, *case) for i, case in enumerate(cases)])
            number += len(cases)
        with concurrent.futures.ThreadPoolExecutor(len(groups) or 1) as pool:
            for found in pool.map(lambda cases: boot(options, cases, say), groups):
                rows += found.values()
    for row in rows:
        if row["scene"] != "planted":
            row["promised_zero"] = promised(row)
    cases = judge(rows)
    text = table(rows)
    say(text)
    result = dict(kernel=(options.kernel / "version").read_text().strip(), rows=rows, table=text,
                  cases={case: why or "ok" for case, why in cases})
    options.json.write_text(json.dumps(result, indent=1) + "\n")
    for case, why in cases:
        say(f"FAIL remanence/{case}: {why}" if why else f"ok remanence/{case}")
    if not cases:
        raise Broken("no such case")
    say(f"machine: exclusive | what secrets leave behind (markers) | {sum(row.get('written', 0) for row in rows)}")
    return any(why for case, why in cases)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Broken as broken:
        print(f"FAIL remanence/rig: {broken}")
        sys.exit(1)
