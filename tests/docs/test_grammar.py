"""A command that leakcheck would refuse is found in a page without running it."""

import pytest

from tests.docs.grammar import commands_in, complaints, scripts_in, targets_of_make


@pytest.mark.parametrize(
    "line",
    [
        "leakcheck run scenarios.py --jobs 2  # exit code 1",
        "leakcheck --version",
        "leakcheck",
        "leakcheck baseline update scenarios --reason 'as we found it'",
        "leakcheck check scenarios --shard ${{ matrix.shard }}/3 --github never || true",
        "LEAKCHECK_SHARD=1/3 leakcheck run scenarios 2>&1 | tee log.txt",
        "leakcheck export RUN --format collapsed --stacks growth | flamegraph.pl > growth.svg",
        "leakcheck compare main..HEAD scenarios --variants naive iterator",
        "leakcheck run \\\n  scenarios",
        "pip install 'pytest-leakcheck[plots]'",
        "echo leakcheck runs it",
    ],
)
def test_what_leakcheck_takes_is_let_pass(line: str) -> None:
    assert complaints(line) == []


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("leakcheck rin scenarios", "'rin'"),
        ("leakcheck run scenarios --jbs 2", "--jbs"),
        ("leakcheck --loud run scenarios", "--loud"),
        ("leakcheck baseline updaet scenarios", "'updaet'"),
        ("leakcheck baseline update scenarios --because x", "--because"),
        ("leakcheck run", "TARGET"),
        ("leakcheck run scenarios --jobs", "--jobs"),
        ("leakcheck run scenarios --explain maybe", "maybe"),
        ("leakcheck limit scenarios --requests many", "many"),
        ("leakcheck show one two", "two"),
        ("true && .venv/bin/leakcheck run scenarios --jbs 2", "--jbs"),
        ("python -m leakcheck run scenarios --jbs 2", "--jbs"),
        ("if true; then leakcheck run scenarios --jbs 2; fi", "--jbs"),
        ("git bisect run sh -c 'leakcheck run scenarios --no-peek; exit $?'", "--no-peek"),
        ("leakcheck run \\\n  scenarios --jbs 2", "--jbs"),
        ("A=1 leakcheck run scenarios --jbs 2 > log.txt", "--jbs"),
    ],
)
def test_what_leakcheck_refuses_is_named(line: str, said: str) -> None:
    [complaint] = complaints(line)
    assert said in complaint


def test_within_a_sentence_arguments_may_be_missing_and_options_may_not() -> None:
    for text in ("leakcheck run", "leakcheck run --jobs", "leakcheck compare --variants", "leakcheck baseline"):
        assert complaints(text, whole=False) == []
    assert len(complaints("leakcheck run --jbs 2", whole=False)) == 1


def test_every_command_of_a_line_is_seen() -> None:
    line = "leakcheck list a && (leakcheck run b; exit $?) | sh -c 'x; leakcheck show c'"
    assert [" ".join(words) for words in commands_in(line)] == [
        "leakcheck list a",
        "leakcheck run b",
        "leakcheck show c",
    ]


def test_the_commands_of_a_workflow_are_its_scripts() -> None:
    text = """
    jobs: {a: {steps: [{run: "one\\ntwo"}, {uses: three}]}}
    b: {script: [four, five], image: run}
    """
    assert scripts_in(text) == ["one\ntwo", "four", "five"]


def test_what_make_is_asked_for_is_seen() -> None:
    assert targets_of_make("cd x && make -j2 ROWS=5 demo test  # words") == ["demo", "test"]
    assert targets_of_make("cmake demo; echo make demo") == []
