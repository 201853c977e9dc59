"""The peers, in the order of the tables; a new one is a file and a line here."""

from peers import with_leakcheck, with_limit_leaks, with_psleak, with_refleak, with_rss, with_tracemalloc
from peers.words import Peer

LEAKCHECK = with_leakcheck.NAME
PEERS: tuple[Peer, ...] = (
    with_psleak.PEER,
    with_limit_leaks.PEER,
    with_tracemalloc.PEER,
    with_rss.PEER,
    with_refleak.PEER,
)
TOOLS = (LEAKCHECK, *(peer.name for peer in PEERS))
LENT = ("psleak", "pytest-memray", "pytest", "psutil")
"""What all of them are installed from, into a folder that every arm's interpreter looks into last."""
