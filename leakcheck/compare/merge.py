"""Join saved runs into one, with a folder of its own. What is read may come from a stranger's pull request."""

import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from leakcheck.analysis.compare.merge import SavedShard, joined, problems
from leakcheck.model.errors import LeakcheckError, StoreError
from leakcheck.model.result import Result
from leakcheck.model.run import Run
from leakcheck.storage import run_file
from leakcheck.storage.captures import copy_capture, open_capture

_DEEPEST = 4


class NotMergeable(LeakcheckError):
    """The runs are no whole, or cannot be compared. The message names every reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MergedRun:
    """The joined run, and the folder that it was saved to."""

    run: Run
    folder: Path


def merge(places: Sequence[Path], *, output: Path, command: Sequence[str]) -> MergedRun:
    """Join the runs at these places, and save what comes of it below `output`.

    A place is a run's folder, its run.json, or a folder that holds such folders. Captures are copied, so the
    runs may be thrown away afterwards. Raises NotMergeable with every reason at once, and StoreError where
    the joined run cannot be written; then no folder of it is left behind.
    """
    pieces: list[SavedShard] = []
    reasons: list[str] = []
    for document in _documents(places, reasons):
        try:
            pieces.append(SavedShard(where=str(document.parent), run=run_file.load(document)))
        except StoreError as error:
            reasons.append(str(error))
    reasons += problems(pieces)
    reasons += (reason for piece in pieces for reason in _bad_captures(piece))
    if reasons:
        raise NotMergeable(f"these runs cannot be joined: {'; '.join(reasons)}")
    folder = run_file.make_run_folder(output, datetime.now().astimezone())
    try:
        run = joined([_with_captures(piece, folder) for piece in pieces], command)
        run_file.save(run, folder / run_file.DOCUMENT)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return MergedRun(run=run, folder=folder)


def _documents(places: Sequence[Path], reasons: list[str]) -> list[Path]:
    """Return the run documents at the places, each once; a place that holds none is a reason not to join."""
    found: dict[Path, Path] = {}
    for place in places:
        here = list(_below(place)) if place.is_dir() else [place]
        if not here:
            reasons.append(f"{place} holds no run; name a run's folder, or one that holds such folders")
        for document in here:
            found.setdefault(document.resolve(), document)
    return list(found.values())


def _below(place: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(place):  # links to folders are not followed
        here = Path(parent)
        folders.sort()
        if run_file.DOCUMENT in names:
            yield here / run_file.DOCUMENT
        if run_file.DOCUMENT in names or len(here.relative_to(place).parts) >= _DEEPEST:
            folders.clear()


def _bad_captures(piece: SavedShard) -> Iterator[str]:
    for result in piece.run.results:
        try:
            capture = None if result.capture is None else open_capture(Path(piece.where), result.capture)
        except StoreError as error:
            yield f"{piece.where}: {error}"
        else:
            if capture is not None:
                capture.close()


def _with_captures(piece: SavedShard, folder: Path) -> Run:
    """Return the run with its captures copied to a folder, under the names that they have there."""

    def moved(result: Result) -> Result:
        name = None if result.capture is None else copy_capture(Path(piece.where), result.capture, folder)
        return replace(result, capture=name)

    return replace(piece.run, results=tuple(map(moved, piece.run.results)))
