"""The page of the catalogue says what the catalogue says, and what it tells an operator to write is understood."""

import re
from datetime import date
from pathlib import Path

from dropforge.domain.catalogue import CATALOGUE, SOURCES
from dropforge.reports.catalogue_page import page
from dropforge.settings import operator

PAGE = Path(__file__).parents[2] / "docs/catalogue.md"


def test_the_page_says_what_the_catalogue_says():
    written = PAGE.read_text("utf-8")
    assert page(written) == written, "make it anew: python -m dropforge.reports.catalogue_page docs/catalogue.md"


def test_every_source_is_cited_and_every_citation_has_its_source():
    assert set(re.findall(r"\(#([^)]+)\)", PAGE.read_text("utf-8"))) == set(SOURCES)


def test_every_known_thing_is_on_the_page():
    named = set(re.findall(r"`([^`\n]+)`", PAGE.read_text("utf-8")))
    everything = (CATALOGUE.base_models, CATALOGUE.regions, CATALOGUE.machines, CATALOGUE.tasks)
    assert set().union(*everything, CATALOGUE.training_accelerators, CATALOGUE.serving_quotas) <= named


def test_what_an_operator_is_told_to_write_is_understood(tmp_path):
    """Given the page's example as the operator's file, expect each of its entries in the catalogue."""
    [example] = re.findall(r"```yaml\n(.+?)```", PAGE.read_text("utf-8"), re.DOTALL)
    (tmp_path / "dropforge.yaml").write_text(example)
    known = operator({"DROPFORGE_CONFIG": str(tmp_path / "dropforge.yaml")}).catalogue
    new = known.base_models["text-embedding-006"]
    assert (new.template, new.dimensions, new.closes) == ("v1.1.5", 1024, date(2028, 12, 31))
    assert known.base_models["text-embedding-005"].retires == date(2027, 10, 1)
    assert known.family_of(new) == CATALOGUE.templates["v1.1.4"]
    assert known.regions - CATALOGUE.regions == {"us-south1"}
    assert known.training_accelerators - CATALOGUE.training_accelerators == {"NVIDIA_H100_80GB"}
    assert known.machines["a3-highgpu-8g"].accelerators == {"NVIDIA_H100_80GB": (8,)}
    assert known.serving_quotas["NVIDIA_TESLA_A100"]["us-west1"] == 4
