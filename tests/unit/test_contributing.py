"""The tables that belong together agree, and what CONTRIBUTING.md names is there."""

import ast
import json
import re
from pathlib import Path
from pkgutil import resolve_name

import yaml

from leakcheck.cli.outputs import _REPORTERS
from leakcheck.model.answers import Readings
from leakcheck.model.explanation import ResourceKind
from leakcheck.probe.meters.memory import Meters

PROJECT = Path(__file__).resolve().parents[2]
TEXT = (PROJECT / "CONTRIBUTING.md").read_text(encoding="utf-8")
GALLERY = PROJECT / "scenarios" / "gallery"
FORMS = PROJECT / ".github" / "ISSUE_TEMPLATE"


def test_every_kind_of_resource_has_a_module_and_every_module_its_kind() -> None:
    modules = {path.stem for path in (PROJECT / "leakcheck" / "probe" / "meters" / "counted").glob("[a-z]*.py")}
    assert modules == {kind.name.lower() for kind in ResourceKind}
    assert {"calls", *Meters(("python", "native", "rss")).names} <= {*Readings().columns, *ResourceKind}


def test_every_flag_for_a_document_names_a_reporter() -> None:
    assert {"json", "junit", "gitlab", "markdown"} <= _REPORTERS.keys()
    assert all(callable(resolve_name(reporter)) for reporter in _REPORTERS.values())


def test_every_case_of_the_gallery_has_its_truth_and_every_truth_its_case() -> None:
    truths = json.loads((GALLERY / "truth.json").read_text(encoding="utf-8"))
    cases: dict[str, str] = {}
    for path in GALLERY.glob("*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                marked = ["scenario" in ast.unparse(one) for one in node.decorator_list]
                cases |= {node.name: path.name} if any(marked) else {}
    assert cases == {name: truth["file"] for name, truth in truths.items()}


def test_what_the_text_names_is_there() -> None:
    named = re.findall(r"`((?:leakcheck|tests|scenarios|docs)/[\w/.]+?)/?`", TEXT)
    assert len(named) > 15
    assert [name for name in named if not (PROJECT / name).exists()] == []
    targets = re.findall(r"make ([a-z-]+)", TEXT)
    makefile = (PROJECT / "Makefile").read_text(encoding="utf-8")
    assert {"check", "test", "test-all", "format", "help"} <= set(targets)
    assert [name for name in targets if f"\n{name}:" not in makefile] == []


def test_the_forms_are_such_as_github_takes_and_a_bug_comes_with_the_doctor() -> None:
    for path in FORMS.glob("*.yml"):
        form = yaml.safe_load(path.read_text(encoding="utf-8"))
        if path.name == "config.yml":
            continue
        assert {"name", "description", "body"} <= set(form)
        ids = [part["id"] for part in form["body"] if part["type"] != "markdown"]
        assert len(ids) == len(set(ids))
        for part in form["body"]:
            assert part["type"] in ("markdown", "textarea", "input")
            assert ("value" if part["type"] == "markdown" else "label") in part["attributes"]
    bug = (FORMS / "bug.yml").read_text(encoding="utf-8")
    assert "leakcheck doctor --markdown" in bug
