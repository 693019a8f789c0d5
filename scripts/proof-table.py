#!/usr/bin/env python3
"""proof-table.py SUITES BUILD HEADER: what the machines have tried and caught, as BUILD/proof.json and BUILD/proof.txt.

SUITES/proof.NAME       the HEADER of this run (others are left out), then a line a machine:
                            machine: PROMISES | NAME | CASES | KEY      or      failed: KEY
SUITES/proof.*.mutants  a line a mutant and machine:  MUTANT <tab> KEY [ARGUMENTS] <tab> 1 (caught) or 0

Fails where a machine has failed or caught nothing, where a mutant has been missed, or names a machine that has not run.
"""
import json
import pathlib
import sys

suites, build = map(pathlib.Path, sys.argv[1:3])
machines = {}  # key: row
problems = []
of_this_run = [path for path in sorted(suites.glob("proof.*")) if path.name.count(".") == 1 and
               path.read_text().splitlines()[:1] == [sys.argv[3]]]
for path in of_this_run:
    for line in path.read_text().splitlines():
        if line.startswith("failed: "):
            problems.append(f"{line.removeprefix('failed: ')} failed")
        if not line.startswith("machine: "):
            continue
        promises, name, cases, key = (part.strip() for part in line.removeprefix("machine: ").split("|"))
        row = machines.setdefault(key, dict(promise=promises, machine=name, cases=0, mutants=0, caught=0))
        row["cases"] += int(cases)

for path in [path.with_name(path.name + ".mutants") for path in of_this_run]:
    if not path.exists():
        continue
    for line in path.read_text().splitlines():
        mutant, expect, caught = line.split("\t")
        candidates = [key for key in machines if expect == key or expect.startswith(key + " ") or
                      expect.startswith(key + "/")]
        if not candidates:
            problems.append(f"{mutant}: no machine {expect} has run")
            continue
        row = machines[max(candidates, key=len)]
        row["mutants"] += 1
        row["caught"] += int(caught)
for row in machines.values():
    if not row["mutants"]:
        problems.append(f"{row['machine']}: no mutant shows that it can fail")
    if row["caught"] != row["mutants"]:
        problems.append(f"{row['machine']}: {row['mutants'] - row['caught']} mutants got past it")

order = sorted(machines.values(), key=lambda row: (row["promise"], row["machine"]))
(build / "proof.json").write_text(json.dumps(order, indent=1, ensure_ascii=False) + "\n")
width = max([len(row["machine"]) for row in order] + [7])
wide = max([len(row["promise"]) for row in order] + [7])
lines = [f"{'promise':{wide}}  {'machine':{width}}  {'cases':>13}  mutants  caught"]
for row in order:
    lines.append(f"{row['promise']:{wide}}  {row['machine']:{width}}  {row['cases']:13,}  {row['mutants']:7}  {row['caught']:6}")
lines.append("")
(build / "proof.txt").write_text("\n".join(lines) + "\n")
print("\n".join(lines))
for problem in problems:
    print("FAIL", problem)
sys.exit(bool(problems))
