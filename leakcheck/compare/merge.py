"""Merge saved runs of shards into one run. The documents are untrusted: they may come with a pull request."""

import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from leakcheck.analysis.compare.merge import SavedShard, merge_problems, merge_runs
from leakcheck.model.errors import LeakcheckError, StoreError
from leakcheck.model.result import Result
from leakcheck.model.run import Run
from leakcheck.storage import run_file
from leakcheck.storage.captures import copy_capture, open_capture

_MAX_DEPTH = 4


class NotMergeable(LeakcheckError):
    """The runs are not complete, or not comparable. The message names every reason."""


def merge(places: Sequence[Path], *, output: Path, command: Sequence[str]) -> tuple[Run, Path]:
    """Merge the runs at these places, save the result in a new folder below `output`, and return both.

    A place is the folder of a run, its run.json, or a folder that contains such folders. Captures are copied, so that
    the runs may be deleted afterwards. Raises NotMergeable with every reason at once, and StoreError if the merged run
    cannot be written; then no folder is left behind.
    """
    shards: list[SavedShard] = []
    reasons: list[str] = []
    for document in _documents(places, reasons):
        try:
            shards.append(SavedShard(where=str(document.parent), run=run_file.load(document)))
        except StoreError as error:
            reasons.append(str(error))
    reasons += merge_problems(shards)
    reasons += (reason for shard in shards for reason in _bad_captures(shard))
    if reasons:
        raise NotMergeable(f"these runs cannot be merged: {'; '.join(reasons)}")
    folder = run_file.make_run_folder(output, datetime.now().astimezone())
    try:
        run = merge_runs([_with_captures(shard, folder) for shard in shards], command)
        run_file.save(run, folder / run_file.DOCUMENT)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return run, folder


def _documents(places: Sequence[Path], reasons: list[str]) -> list[Path]:
    """Return the run documents at the places, without repetition; append a reason for a place without any."""
    documents: dict[Path, Path] = {}
    for place in places:
        paths = list(_documents_below(place)) if place.is_dir() else [place]
        if not paths:
            reasons.append(f"{place}: contains no runs; pass the folder of a run, or one that contains such folders")
        for path in paths:
            documents.setdefault(path.resolve(), path)
    return list(documents.values())


def _documents_below(place: Path) -> Iterator[Path]:
    for root, folders, names in os.walk(place):  # does not follow links to folders
        folder = Path(root)
        folders.sort()
        if run_file.DOCUMENT in names:
            yield folder / run_file.DOCUMENT
        if run_file.DOCUMENT in names or len(folder.relative_to(place).parts) >= _MAX_DEPTH:
            folders.clear()


def _bad_captures(shard: SavedShard) -> Iterator[str]:
    for result in shard.run.results:
        try:
            capture = None if result.capture is None else open_capture(Path(shard.where), result.capture)
        except StoreError as error:
            yield f"{shard.where}: {error}"
        else:
            if capture is not None:
                capture.close()


def _with_captures(shard: SavedShard, folder: Path) -> Run:
    """Copy the shard's captures to a folder, and return its run with their names there."""

    def with_copy(result: Result) -> Result:
        name = None if result.capture is None else copy_capture(Path(shard.where), result.capture, folder)
        return replace(result, capture=name)

    return replace(shard.run, results=tuple(map(with_copy, shard.run.results)))
