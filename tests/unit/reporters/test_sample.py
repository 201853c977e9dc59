"""The run that git keeps is small, and what stands beside it says what it says."""

from pathlib import Path

from leakcheck.model.units import format_size
from leakcheck.reporters.messages.cells import growth_text
from leakcheck.storage import run_file

SAMPLE = Path(__file__).parents[3] / "reports" / "sample"
RUN = run_file.load(SAMPLE)


def test_the_sample_is_small_finished_and_of_a_clean_commit() -> None:
    assert (SAMPLE / run_file.DOCUMENT).stat().st_size <= 200_000
    assert RUN.finished
    assert RUN.environment is not None
    assert RUN.environment.git_dirty is False


def test_the_samples_table_has_the_figures_of_its_document() -> None:
    rows = [line for line in (SAMPLE / "table.md").read_text(encoding="utf-8").splitlines() if "newsletter[" in line]
    assert len(rows) == len(RUN.results)
    for result, row in zip(RUN.results, rows, strict=True):
        assert result.peak_bytes is not None
        assert all(words in row for words in (result.id, growth_text(result.growth), format_size(result.peak_bytes)))


def test_the_samples_plots_name_its_variants() -> None:
    for name in ("growth", "peak"):
        assert (SAMPLE / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        text = (SAMPLE / f"{name}.svg").read_text(encoding="utf-8")
        assert all(result.variant in text for result in RUN.results if result.variant)
