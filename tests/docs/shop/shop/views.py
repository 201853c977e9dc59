"""What a visitor asks for, with a mistake that people make."""

import sqlite3

SENT: list[list[tuple[object, ...]]] = []


def connect(rows: int = 200) -> sqlite3.Connection:
    """Return a database in memory with so many subscribers."""
    database = sqlite3.connect(":memory:", check_same_thread=False)
    database.execute("CREATE TABLE subscribers (email TEXT)")
    database.executemany("INSERT INTO subscribers VALUES (?)", ((f"{number}@example.org",) for number in range(rows)))
    return database


def send(database: sqlite3.Connection, strategy: str) -> int:
    """Write to every subscriber, and return how many there were."""
    subscribers = database.execute("SELECT email FROM subscribers")
    if strategy == "iterator":
        return sum(1 for _ in subscribers)
    rows = subscribers.fetchall()
    if strategy == "retained":
        SENT.append(rows)
    return len(rows)
