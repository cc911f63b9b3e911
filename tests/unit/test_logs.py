"""Logs are what Cloud Logging reads, and nothing in them obeys a dataset."""

import json
import logging

import flask
import pytest
import structlog

from dropforge import logs


@pytest.fixture
def logged(capsys, monkeypatch):
    """What one entry looks like on standard error."""
    monkeypatch.setenv("DROPFORGE_PROJECT", "p")
    before = structlog.get_config()

    def log(**facts):
        logs.set_up(terminal=False)
        structlog.get_logger().info("event.handled", **facts)
        return json.loads(capsys.readouterr().err)

    yield log
    structlog.configure(**before)


def test_a_command_is_told_only_what_it_may_want_to_know(logged, capsys):
    logs.set_up(terminal=False, least=logging.WARNING)
    structlog.get_logger().info("run.reached")
    assert capsys.readouterr().err == ""
    structlog.get_logger().warning("record.failed")
    assert json.loads(capsys.readouterr().err)["severity"] == "WARNING"


def test_an_entry_has_severity_and_message(logged):
    entry = logged(run="r")
    assert (entry["severity"], entry["message"], entry["run"]) == ("INFO", "event.handled", "r")
    assert entry["time"].endswith("Z")


def test_control_characters_are_escaped(logged):
    assert logged(reason="\x1b[31mred\u202e")["reason"] == "\\x1b[31mred\\u202e"


def test_a_secret_in_an_error_is_not_logged(logged):
    """Not in what is said of it, and not in its stack, which tells the errors behind it as they were."""
    error = RuntimeError("ya29.hunter2 was refused")
    error.__cause__ = OSError("Authorization: Bearer hunter2")
    entry = logged(exc_info=error, reason=str(error))
    assert entry["reason"] == "(not shown) was refused"
    assert entry["exception"].count("(not shown)") == 2
    assert "hunter2" not in str(entry)


def test_entries_of_a_request_carry_its_trace(logged):
    app = flask.Flask("test")
    with app.test_request_context(headers={"X-Cloud-Trace-Context": "105445aa7843bc8bf206b12000100000/1;o=1"}):
        entry = logged()
    assert entry["logging.googleapis.com/trace"] == "projects/p/traces/105445aa7843bc8bf206b12000100000"


def test_every_name_is_a_noun_and_a_verb():
    assert all(len(name.split(".")) == 2 for name in logs.NAMES)
