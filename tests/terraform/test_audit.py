"""Code that a security scanner would stop at says on the line why it is right."""

import json
import subprocess
import sys

from terraform.deployment import ROOT

SHIPPED = ("shared", "functions", "deploy")
OF_RUFF = {"B101": "S101", "B311": "S311", "B603": "S603", "B608": "S608"}
NOT_A_FAULT = "B404"  # that a module is imported: what is done with it counts


def scanned(*folders):
    command = [sys.executable, "-W", "ignore", "-m", "bandit", "--quiet", "--recursive", *folders, "--format", "json"]
    done = subprocess.run([*command, "--skip", NOT_A_FAULT], capture_output=True, text=True, cwd=ROOT, check=False)
    found = json.loads(done.stdout)
    assert found["errors"] == []
    return found


def without_a_reason(found):
    """The findings on whose lines nobody says that they are none."""
    for each in found["results"]:
        path = ROOT / each["filename"]
        lines = path.read_text().splitlines()
        first = each["line_number"] - 1
        statement = "\n".join(lines[first : max(each["line_range"])])
        if f"noqa: {OF_RUFF.get(each['test_id'], 'none')}" not in statement:
            yield f"{each['filename']}:{each['line_number']} {each['test_id']} {each['issue_text']}"


def test_what_the_scanner_finds_has_a_reason_beside_it():
    found = scanned(*SHIPPED)
    assert found["metrics"]["_totals"]["loc"] > 10_000
    assert list(without_a_reason(found)) == []


def test_the_scanner_would_find_something(tmp_path):
    (tmp_path / "bad.py").write_text("import subprocess\nsubprocess.run(input(), shell=True)\n")
    assert "B602" in "".join(without_a_reason(scanned(str(tmp_path))))
