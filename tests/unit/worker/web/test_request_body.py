"""Request bodies: JSON, forms and forms with files, parsed by the standard library."""

from email import message_from_bytes
from email.message import Message
from pathlib import Path

import pytest

from leakcheck.model.errors import UsageError
from leakcheck.worker.web.options import RequestSettings
from leakcheck.worker.web.request import build_request
from leakcheck.worker.web.request_body import encode_body
from leakcheck.worker.web.wsgi import wsgi_environ


def parts_of(body: bytes, content_type: str) -> dict[str, tuple[str | None, str, bytes]]:
    """Return the parts of a form by their names: file name, type, content."""
    message = message_from_bytes(f"Content-Type: {content_type}\r\n\r\n".encode() + body)
    parts = message.get_payload()
    assert isinstance(parts, list)
    form_parts = {}
    for part in parts:
        assert isinstance(part, Message)
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        assert isinstance(content, bytes)
        form_parts[str(name)] = (part.get_filename(), part.get_content_type(), content)
    return form_parts


@pytest.fixture
def tea(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file, in the current folder."""
    (tmp_path / "tea.png").write_bytes(b"\x89PNG\r\n\x00--leakcheck-boundary\r\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "tea.png"


def test_a_form_with_a_file_is_sent_as_multipart(tea: Path) -> None:
    parts = parts_of(
        *encode_body("title=Green+tea%26more&picture=@tea.png&raw=@tea.png;type=text/x-tea&at=%40home&empty=")
    )

    assert parts == {
        "title": (None, "text/plain", b"Green tea&more"),
        "picture": ("tea.png", "image/png", tea.read_bytes()),
        "raw": ("tea.png", "text/x-tea", tea.read_bytes()),
        "at": (None, "text/plain", b"@home"),
        "empty": (None, "text/plain", b""),
    }


def test_the_boundary_and_the_length_reach_the_application(tea: Path) -> None:
    for header in ("", "content-type: multipart/form-data"):
        request = build_request("POST:/", RequestSettings(data="picture=@tea.png", header=header))
        environ = wsgi_environ(request)
        assert environ["CONTENT_LENGTH"] == str(len(request.body))
        assert parts_of(request.body, environ["CONTENT_TYPE"])["picture"][2] == tea.read_bytes()


@pytest.mark.parametrize(
    ("data", "header", "content_type"),
    [
        ('{"mail": "@tea.png"}', "", "application/json"),
        ("a=1&mail=ada@example.com", "", "application/x-www-form-urlencoded"),
        ("picture=@tea.png", "text/plain", "text/plain"),
        ("picture=@tea.png", "application/x-www-form-urlencoded", "application/x-www-form-urlencoded"),
        ("@tea.png", "image/png", "image/png"),
    ],
)
def test_data_other_than_a_form_with_a_file_is_sent_unchanged(
    tea: Path, data: str, header: str, content_type: str
) -> None:
    body, result = encode_body(data, header)

    assert result == content_type
    assert body == (tea.read_bytes() if data == "@tea.png" else data.encode())


def test_a_form_without_a_file_is_sent_as_multipart_if_the_header_says_so() -> None:
    body, content_type = encode_body("a=1&b=x+y", "multipart/form-data")

    assert parts_of(body, content_type) == {"a": (None, "text/plain", b"1"), "b": (None, "text/plain", b"x y")}


def test_the_error_for_a_missing_file_says_how_an_at_sign_is_written() -> None:
    with pytest.raises(
        UsageError, match=r"--data user=@ada: .*cannot be read .*; write %40 for an @ that names no file"
    ):
        encode_body("user=@ada")


def test_a_file_name_cannot_end_its_header(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'a"b\nc').write_bytes(b"x")

    body, _ = encode_body("file=@a%22b%0Ac")

    assert b'filename="a%22b%0Ac"\r\n' in body
