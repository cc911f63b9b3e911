"""Let pip make a virtual environment of each archive's requirements, and start the archive there.

Run it: `.venv/bin/python tests/bench/archives.py [FUNCTION...]`. It downloads what is not in pip's cache, and takes
some five minutes and 2 GB of disk, which it gives back. The same tests run in `make test`, on links to what is
installed.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[2] / "deploy"))

from support.staged import MADE, staged

import stage

TESTS = ("tests/deploy/test_archives.py", "tests/deploy/test_cold_start.py")


def main() -> None:
    known = stage.functions(stage.ROOT)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("functions", nargs="*", metavar="FUNCTION", help=f"{', '.join(known)}; all by default")
    asked = [name for name in known if name in (parser.parse_args().functions or known)]
    with tempfile.TemporaryDirectory() as folder:
        for name in asked:
            make(name, Path(folder) / name)
        chosen = " or ".join(asked)
        tests = [sys.executable, "-m", "pytest", "-n0", "-k", f"({chosen}) and not no_more and not not_there", *TESTS]
        done = subprocess.run(tests, cwd=stage.ROOT, env=os.environ | {MADE: folder}, check=False)
    sys.exit(done.returncode)


def make(name, folder):
    """Let pip make a function's environment; ends where it brought along what the requirements do not name."""
    began = time.perf_counter()
    venv.create(folder, with_pip=True)
    pip = [folder / "bin" / "python", "-m", "pip", "--disable-pip-version-check"]
    own = frozen(pip)
    requirements = folder / "requirements.txt"
    requirements.write_text("".join(f"{line}\n" for line in staged(name).requirements))
    subprocess.run([*pip, "install", "-qq", "-r", requirements], check=True)
    subprocess.run([*pip, "check"], check=True, stdout=subprocess.DEVNULL)
    named = {
        f"{canonicalize_name(each.name)}{each.specifier}"
        for each in map(Requirement, staged(name).requirements)
        if each.marker is None or each.marker.evaluate()
    }
    if strangers := (frozen(pip) - own) ^ named:
        sys.exit(f"{name}: what pip installed is not what is named: {', '.join(sorted(strangers))}")
    print(f"{name}: {len(named)} distributions, {time.perf_counter() - began:.0f} s", flush=True)


def frozen(pip):
    listed = subprocess.run([*pip, "list", "--format=freeze"], check=True, capture_output=True, text=True).stdout
    return {f"{canonicalize_name(line.partition('==')[0])}=={line.partition('==')[2]}" for line in listed.split()}


if __name__ == "__main__":
    main()
