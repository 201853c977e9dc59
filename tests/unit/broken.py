"""Documents broken at random: bytes, and values of other kinds in the place of any value."""

import json
import random
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

_VALUES: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    1,
    2**31,
    2**63,
    2**64 - 1,
    2**64,
    10**40,
    -(2**63),
    0.5,
    -0.0,
    1e-320,
    1e29,
    1e308,
    -1e308,
    "",
    "x",
    "growth",
    "leak",
    "clean",
    "over",
    "\x1b[2J",
    "\u202e",
    "0123456789ab",
    "2027-01-31",
    "x" * 5000,
    [],
    [[]],
    {},
    {"x": {}},
    [0, -1, 2**63],
)


def mutated(data: bytes, chance: random.Random) -> bytes:
    """Return the document with a few of its values exchanged, taken out or doubled; every fifth with other bytes."""
    if chance.random() < 0.2:
        return _other_bytes(bytearray(data), chance)
    document = json.loads(data)
    for _ in range(chance.choice((1, 1, 2, 5))):
        places = list(_places(document))
        if not places:
            break
        holder, name = chance.choice(places)
        what = chance.random()
        if what < 0.1:
            del holder[name]
        elif what < 0.2 and isinstance(holder, list):
            holder.append(holder[name])
        elif what < 0.3:
            other, its = chance.choice(places)
            holder[name] = json.loads(json.dumps(other[its]))
        elif what < 0.5:
            holder[name] = deepcopy(chance.choice(_VALUES))
        else:  # of its own kind, which is looked at more closely
            alike = [one for one in _VALUES if type(one) is type(holder[name])]
            holder[name] = deepcopy(chance.choice(alike or [None]))
    return json.dumps(document).encode()


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    names = range(len(value)) if isinstance(value, list) else list(value) if isinstance(value, dict) else ()
    for name in names:
        yield value, name
        yield from _places(value[name])


def _other_bytes(data: bytearray, chance: random.Random) -> bytes:
    for _ in range(chance.choice((1, 3, 20))):
        at = chance.randrange(len(data))
        what = chance.random()
        if what < 0.5:
            data[at] = chance.randrange(256)
        elif what < 0.7:
            del data[at : at + chance.randrange(1, 50)]
        elif what < 0.9:
            data[at:at] = bytes(chance.randrange(256) for _ in range(chance.randrange(1, 9)))
        else:
            data[at:at] = data[: chance.randrange(1, 200)]
    return bytes(data)
