"""Who has a container as an attribute: a module, a class or an object."""

from collections.abc import Sequence

from leakcheck.worker import bare
from leakcheck.worker.own import BUILTINS, gc

__builtins__ = BUILTINS


def owners_of(containers: Sequence[object]) -> dict[int, list[object]]:
    """Return the owners of each container by its id; it has an attribute for each.

    Two steps back, for all at once: an object refers to its attributes itself or through a dictionary.
    """
    found: dict[int, list[object]] = {id(container): [] for container in containers}
    namespaces = {}
    for referrer in gc.get_referrers(*containers):
        if type(referrer) is dict:
            namespaces[id(referrer)] = referrer
        elif referrer is not containers:
            _note(found, referrer)
    if namespaces:
        for referrer in gc.get_referrers(*namespaces.values()):
            if bare.is_class(referrer) or id(bare.namespace(referrer)) in namespaces:
                _note(found, referrer)
    return found


def _note(found: dict[int, list[object]], owner: object) -> None:
    for _, value in bare.attributes(owner):
        owners = found.get(id(value))
        if owners is not None and not any(one is owner for one in owners):
            owners.append(owner)
