"""Text that can be written down: Python's own may hold halves of letters, which no encoding has a word for."""


def replaced(text: str) -> str:
    """Return the text with a question mark for each half of a letter, as names of files that are no UTF-8 have them."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
