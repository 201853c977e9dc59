"""The newsletter's way out: real SMTP, one message to a bulk relay for every 1000 subscribers.

Nobody sends 100 000 mails over 100 000 SMTP transactions. A bulk relay, such as the SMTP side of
SendGrid or Mailgun, takes one message that carries the text once and the recipients with their
merge fields, and makes the single mails itself. So a send to 200 subscribers is one mail, and one
to 100 000 is a hundred, all over one connection.
"""

from collections.abc import Iterable, Iterator
from itertools import islice

from django.core import mail
from django.core.mail.backends.base import BaseEmailBackend

BATCH_SIZE = 1000
NEWSLETTER = "Dear {first_name},\n\nhere is what is new this week.\n"

Recipient = tuple[str, str]
"""The address and the first name."""


def deliver(recipients: Iterable[Recipient]) -> int:
    """Send the newsletter to all `recipients` over one connection; return how many they were.

    `recipients` is read once, a batch at a time, and nothing is kept. Raises OSError or
    SMTPException where the relay is not there or refuses a batch.
    """
    sent = 0
    with _relay() as relay:
        for batch in _batches(recipients):
            relay.send_messages([_message(batch)])
            sent += len(batch)
    return sent


def _relay() -> BaseEmailBackend:
    # from Django 6.1 on, mail servers have names and get_connection() is deprecated
    mailers = getattr(mail, "mailers", None)
    relay: BaseEmailBackend = mail.get_connection() if mailers is None else mailers.default
    return relay


def _batches(recipients: Iterable[Recipient]) -> Iterator[list[Recipient]]:
    rest = iter(recipients)
    while batch := list(islice(rest, BATCH_SIZE)):
        yield batch


def _message(batch: list[Recipient]) -> mail.EmailMessage:
    # a line of its own for each recipient: lines over 78 characters would be encoded, at ten times the cost
    merge_fields = "\n".join(f"{email};{first_name}" for email, first_name in batch)
    return mail.EmailMessage(
        subject="What is new this week",
        body=f"{NEWSLETTER}\n{merge_fields}\n",
        from_email="news@example.com",
        to=["bulk@relay.example.com"],
    )
