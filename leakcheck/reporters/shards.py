"""What is said of a run that measured a part of the whole."""

from leakcheck.model import Run, Shard


def shard_words(shard: Shard | None) -> str:
    """Return `shard 2 of 3`; nothing where the whole was measured."""
    return "" if shard is None else f"shard {shard.number:,} of {shard.count:,}"


def shard_sentence(run: Run) -> str | None:
    """Return what was left to the other shards, and how to join them; None where the whole was measured."""
    shard = run.shard
    if shard is None:
        return None
    whole = len(shard.whole)
    measured = sum(result.id in shard.whole for result in run.results)
    if not shard.whole or measured or not run.finished:
        part = f"This is {shard_words(shard)}, with {measured:,} of {whole:,} scenarios."
    else:
        part = f"There is nothing to measure for {shard_words(shard)}, because there are {whole:,} scenarios in all."
    return f"{part} Join the shards with: leakcheck merge DIR..."
