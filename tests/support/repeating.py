"""Programs that must say the same in every process."""

import os
import subprocess
import sys


def said_whatever_the_hashes(program: str, given: str = "") -> str:
    """What a program prints, which is the same however its process hashes texts.

    Args:
        program: Python.
        given: Its standard input.
    """
    told = {
        subprocess.run(
            [sys.executable, "-c", program],
            input=given,
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(told) == 1
    return told.pop()
