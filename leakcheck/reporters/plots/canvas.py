"""How all our pictures look, and what makes two renderings of one figure the same bytes."""

import io
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from leakcheck.model.plain_text import plain

INK, QUIET, GRID = "#1a1a1a", "#595959", "#e3e3e3"
PAPER = "#ffffff"

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#7a7a7a")
"""Okabe and Ito's palette (2008), which the colour-blind can tell apart, without the yellow that white swallows."""

DASHES = ("-", "--", "-.", ":")
"""Beside the colours, for print in grey: the lines of neighbours differ."""

OVER, WITHIN, UNKNOWN = COLOURS[1], COLOURS[0], COLOURS[7]
BUDGET = INK

_LOOK: dict[Any, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": QUIET,
    "axes.grid": True,
    "axes.labelcolor": QUIET,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "figure.facecolor": PAPER,  # their own: a dark page shows them as a light one does
    "axes.facecolor": PAPER,
    "savefig.facecolor": PAPER,
    "figure.constrained_layout.h_pad": 0.1,
    "figure.constrained_layout.hspace": 0.06,
    "figure.constrained_layout.w_pad": 0.1,
    "figure.constrained_layout.wspace": 0.06,
    "figure.titlesize": 12,
    "font.size": 9,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "svg.fonttype": "none",  # text stays text: it can be read out, searched and copied
    "svg.hashsalt": "leakcheck",
    "text.color": INK,
    "text.parse_math": False,  # a name with dollars in it is no formula
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "ytick.labelcolor": INK,
}
_METADATA: dict[str, dict[str, str | None]] = {
    "svg": {"Date": None, "Creator": None},
    "png": {"Software": None},
}
_DOTS_PER_INCH = 160
_POINTS_PER_INCH = 72
_LINE_POINTS = 13.0
"""The height of one label, with air."""

_UNITS = (("B", 1.0), ("KiB", 1024.0), ("MiB", 1024.0**2), ("GiB", 1024.0**3), ("TiB", 1024.0**4))


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """A figure, and what it shows in a sentence, for those who cannot see it."""

    figure: Figure
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LineLabel:
    """What stands beside the end of a line."""

    text: str
    x: float
    """Where the line ends, in the axes' data; and its height there."""
    y: float
    colour: str


def render(name: str, draw: Callable[[], Drawing], formats: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """Yield the drawing in each format, under its file's name."""
    with _look():
        drawing = draw()
        documents = [(f"{name}.{format}", _written(drawing, format)) for format in formats]
    yield from documents


@contextmanager
def _look() -> Iterator[None]:
    # a matplotlibrc of the user's would change pictures that are committed
    with mpl.rc_context(), warnings.catch_warnings():
        mpl.rcdefaults()
        mpl.rcParams.update(_LOOK)
        # letters that the font lacks come out as boxes, and are no reason to say anything
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        warnings.filterwarnings("ignore", message="constrained_layout not applied")
        yield


def _written(drawing: Drawing, format: str) -> bytes:
    stream = io.BytesIO()
    metadata = dict(_METADATA[format])
    metadata["Title" if format == "svg" else "Description"] = drawing.description
    drawing.figure.savefig(stream, format=format, dpi=_DOTS_PER_INCH, metadata=metadata)
    return stream.getvalue()


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of so many inches, whose parts make room for each other."""
    return Figure(figsize=(width, height), layout="constrained")


def shown(text: str, longest: int = 44) -> str:
    """Return a name as it can be drawn: control characters written out, its middle left out where it is long."""
    text = plain(text)
    if len(text) <= longest:
        return text
    head = (longest - 1) // 2
    return f"{text[:head]}…{text[len(text) - (longest - 1 - head) :]}"


def unit_for(largest: float) -> tuple[str, float]:
    """Return the unit that an axis up to so many bytes is drawn in, and its size."""
    return next((unit for unit in reversed(_UNITS) if abs(largest) >= unit[1]), _UNITS[0])


def number_axis(axes: Axes, which: str, most: int = 6) -> None:
    """Put round numbers on an axis, with commas and without powers of ten."""
    axis = axes.xaxis if which == "x" else axes.yaxis
    axis.set_major_locator(MaxNLocator(nbins=most, steps=[1, 2, 5, 10]))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}".replace("-", "−")))


def only_grid(axes: Axes, which: str) -> None:
    """Keep the grid of one direction, and no tick marks."""
    axes.grid(visible=False)
    axes.grid(visible=True, axis="x" if which == "x" else "y")
    axes.tick_params(length=0)


def note(figure: Figure, text: str) -> None:
    """Put a sentence below the figure."""
    if text:
        figure.supxlabel(text, fontsize=8, color=QUIET, x=0.01, ha="left")


def label_ends(axes: Axes, labels: Sequence[LineLabel]) -> None:
    """Write each label right of the axes, joined to its line's end, and none upon another."""
    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.draw_without_rendering()  # or nobody knows how high the axes will be
    low, high = axes.get_ylim()
    lines = axes.get_position().height * figure.get_size_inches()[1] * _POINTS_PER_INCH / _LINE_POINTS
    ordered = sorted(labels, key=lambda label: label.y)
    wanted = [(label.y - low) / (high - low) * lines for label in ordered]
    right = axes.get_xlim()[1]
    for label, line in zip(ordered, spread(wanted, lines), strict=True):
        leader: dict[str, Any] = {"color": label.colour, "linewidth": 0.7}
        axes.plot((label.x, right), (label.y, label.y), alpha=0.6, **leader)
        axes.annotate(
            label.text,
            xy=(right, label.y),
            xytext=(1.035, low + line / lines * (high - low)),
            textcoords=axes.get_yaxis_transform(),
            va="center",
            ha="left",
            annotation_clip=False,
            arrowprops={"arrowstyle": "-", "relpos": (0, 0.5), "patchA": None, "shrinkA": 2, "shrinkB": 0, **leader},
        )


def spread(wanted: Sequence[float], height: float) -> list[float]:
    """Return places, in order, that are one apart and between 0 and `height`, near those that are wanted."""
    placed: list[float] = []
    for at in wanted:
        placed.append(max(at, placed[-1] + 1) if placed else max(at, 0.0))
    top = height
    for number in range(len(placed) - 1, -1, -1):
        placed[number] = top = min(placed[number], top)
        top -= 1
    return placed
