"""A cache with a limit that nobody can see from outside."""


class PageCache:
    """Pages by address: the oldest goes when there are too many."""

    def __init__(self, max_pages: int = 100) -> None:
        self.max_pages = max_pages
        self._pages: dict[str, str] = {}

    def page(self, address: str) -> str:
        """Return the page, and keep it."""
        if address not in self._pages:
            while len(self._pages) >= self.max_pages:
                del self._pages[next(iter(self._pages))]
            self._pages[address] = f"<title>{address}</title>"
        return self._pages[address]
