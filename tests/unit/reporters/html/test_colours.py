"""Each colour that is read on another stands out from it, in light and in dark (WCAG 2: 4.5 for text, 3 for lines)."""

import re
from pathlib import Path

import pytest

import leakcheck

CSS = (Path(leakcheck.__file__).parent / "reporters" / "html" / "assets" / "report.css").read_text(encoding="utf-8")
COLOURS = {
    name: (light, dark)
    for name, light, dark in re.findall(r"--([\w-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\);", CSS)
}
LINES = [f"line-{number}" for number in range(8)]
READ_AS_TEXT = [
    *(
        (text, sheet)
        for text in ("ink", "soft", "link", "good", "bad", "doubt", "calm")
        for sheet in ("paper", "sheet")
    ),
    *((text, "paper") for text in LINES),
    *((word, f"{word}-sheet") for word in ("good", "bad", "doubt", "calm")),
    ("soft", "bad-sheet"),
    *(("ink", box) for box in ("own", "library", "native", "other", "bad-sheet")),
    *(("ink", f"{change}-{strength}") for change in ("more", "less") for strength in (1, 2, 3)),
]


def luminance(colour: str) -> float:
    def linear(channel: float) -> float:
        return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4

    red, green, blue = (linear(int(colour[start : start + 2], 16) / 255) for start in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(colour: str, other: str) -> float:
    brighter, darker = sorted((luminance(colour), luminance(other)), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)


def test_black_on_white_has_the_greatest_contrast_there_is() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(("text", "sheet"), READ_AS_TEXT)
def test_text_has_enough_contrast_on_its_background(text: str, sheet: str, scheme: int) -> None:
    assert contrast(COLOURS[text][scheme], COLOURS[sheet][scheme]) >= 4.5


def test_every_colour_of_the_page_is_in_the_table() -> None:
    rest = re.sub(r":root \{.*?\n\}", "", CSS, count=1, flags=re.DOTALL)
    assert re.findall(r"#[0-9a-f]{3,8}\b|rgba?\(|hsla?\(", re.sub(r"/\*.*?\*/", "", rest, flags=re.DOTALL)) == []
    used = {*re.findall(r"var\(--([\w-]+)", CSS)}
    assert {*COLOURS} <= used
    assert used - {*COLOURS} == {"mono", "c"}
