"""A part of a stack that does nothing: says ready, waits for SIGTERM, and misbehaves on request."""

import argparse
import json
import signal
import sys
import time
from pathlib import Path

parser = argparse.ArgumentParser()
parser.add_argument("name")
parser.add_argument("--journal", type=Path, help="file that gets a line for each start and each SIGTERM")
parser.add_argument("--behaviour", choices=["good", "silent", "broken", "stubborn"], default="good")
options = parser.parse_args()


def note(what: str) -> None:
    if options.journal:
        with options.journal.open("a") as journal:
            journal.write(f"{what} {options.name}\n")


def stop(*_: object) -> None:
    note("stop")
    if options.behaviour != "stubborn":
        sys.exit(0)


signal.signal(signal.SIGTERM, stop)
note("start")
sys.stderr.write(f"{options.name} begins\n")
if options.behaviour == "broken":
    sys.stderr.write("the queue file is damaged\n")
    sys.exit(7)
if options.behaviour != "silent":
    print(json.dumps({"ready": True, "port": 1, "secret": "hush"}), flush=True)
while True:
    time.sleep(60)
