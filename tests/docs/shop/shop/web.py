"""The shop as a WSGI application."""

from collections.abc import Iterable
from urllib.parse import parse_qs
from wsgiref.types import StartResponse, WSGIEnvironment

from shop.cart import checkout

PRODUCTS = ("green tea", "black tea", "coffee", "cocoa")


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer /, /checkout and /search?q=…"""
    answers = {"/": home, "/checkout": pay, "/search": search}
    answer = answers.get(environ["PATH_INFO"])
    start_response("200 OK" if answer else "404 Not Found", [("Content-Type", "text/plain; charset=utf-8")])
    return [answer(environ.get("QUERY_STRING", "")).encode() if answer else b"no such page"]


def home(query: str) -> str:
    """Say what there is."""
    return "\n".join(PRODUCTS)


def pay(query: str) -> str:
    """Say what it costs."""
    return str(checkout())


def search(query: str) -> str:
    """Say what goes by such a name."""
    wanted = parse_qs(query).get("q", [""])[0]
    return "\n".join(name for name in PRODUCTS if wanted in name)
