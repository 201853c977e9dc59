"""The style of all plots, and reproducible rendering: the same bytes for the same figure."""

import io
import textwrap
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from leakcheck.reporters.charts.axis import Axis
from leakcheck.reporters.charts.labels import OVER, UNKNOWN, WITHIN, short_name, spread

INK, QUIET, GRID = "#1a1a1a", "#595959", "#e3e3e3"
PAPER = "#ffffff"

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#7a7a7a")
"""Okabe and Ito's palette (2008), which the colour-blind can tell apart, without its yellow: too pale on white."""

DASHES = ("-", "--", "-.", ":")
"""In addition to colours, for print in grey: neighbouring lines differ."""

ROLE_COLOURS = {
    WITHIN: COLOURS[0],
    OVER: COLOURS[1],
    UNKNOWN: COLOURS[7],
    "budget": INK,
    **{f"line-{number}": colour for number, colour in enumerate(COLOURS)},
}

_STYLE: dict[Any, Any] = {
    **dict.fromkeys(("axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), QUIET),
    # not transparent: a dark page shows plots as a light one does
    **dict.fromkeys(("figure.facecolor", "axes.facecolor", "savefig.facecolor"), PAPER),
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "figure.constrained_layout.h_pad": 0.1,
    "figure.constrained_layout.hspace": 0.06,
    "figure.constrained_layout.w_pad": 0.1,
    "figure.constrained_layout.wspace": 0.06,
    "figure.titlesize": 12,
    "font.size": 9,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "svg.fonttype": "none",  # text, not paths: it can be read out, searched and copied
    "svg.hashsalt": "leakcheck",
    "text.color": INK,
    "text.parse_math": False,  # a name with dollars is not a formula
    "ytick.labelcolor": INK,
}
_METADATA: dict[str, dict[str, str | None]] = {"svg": {"Date": None, "Creator": None}, "png": {"Software": None}}
_DOTS_PER_INCH = 160
_POINTS_PER_INCH = 72
_LETTERS_PER_INCH = 15
"""Of a note."""
_LINE_POINTS = 13.0
"""The height of one label, with its spacing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """A figure, and its description for those who cannot see it."""

    figure: Figure
    description: str


def render(name: str, draw: Callable[[], Drawing], formats: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """Yield the drawing in each format, with its file name."""
    with _style():
        drawing = draw()
        documents = [(f"{name}.{format}", _encoded(drawing, format)) for format in formats]
    yield from documents


@contextmanager
def _style() -> Iterator[None]:
    # the user's matplotlibrc must not change plots that are committed
    with mpl.rc_context(), warnings.catch_warnings():
        mpl.rcdefaults()
        mpl.rcParams.update(_STYLE)
        # characters that the font lacks are drawn as boxes
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        warnings.filterwarnings("ignore", message="constrained_layout not applied")
        yield


def _encoded(drawing: Drawing, format: str) -> bytes:
    stream = io.BytesIO()
    metadata = dict(_METADATA[format])
    metadata["Title" if format == "svg" else "Description"] = drawing.description
    drawing.figure.savefig(stream, format=format, dpi=_DOTS_PER_INCH, metadata=metadata)
    return stream.getvalue()


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure, its size in inches, with constrained layout."""
    return Figure(figsize=(width, height), layout="constrained")


def titled(subject: str, title: str) -> str:
    """Return the title of a plot, which stands alone, with the subject of its chart."""
    return f"{short_name(subject)}: {title.lower()}" if subject else title


def draw_axis(axes: Axes, which: str, axis: Axis, *, title: bool = True) -> None:
    """Give the x or the y axis the range, the ticks and the title of an axis of the chart."""
    axes.set(
        **{
            f"{which}lim": (axis.low, axis.high),
            f"{which}ticks": [tick.value for tick in axis.ticks],
            f"{which}ticklabels": [tick.label for tick in axis.ticks],
            f"{which}label": axis.title if title else "",
        }
    )


def only_grid(axes: Axes, which: str) -> None:
    """Draw the grid of one axis alone, and no tick marks."""
    axes.grid(visible=False)
    axes.grid(visible=True, axis="x" if which == "x" else "y")
    axes.tick_params(length=0)


def note(figure: Figure, text: str) -> None:
    """Put a note below the figure, in lines as wide as it."""
    if text:
        lines = textwrap.fill(text, round(_LETTERS_PER_INCH * figure.get_figwidth()))
        figure.supxlabel(lines, fontsize=8, color=QUIET, x=0.01, ha="left")


def label_ends(axes: Axes, labels: Sequence[tuple[str, tuple[float, float], str]]) -> None:
    """Draw labels (text, end of the line, colour role) right of the axes, each joined to its line, without overlap."""
    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.draw_without_rendering()  # the layout determines how high the axes are
    low, high = axes.get_ylim()
    lines = axes.get_position().height * figure.get_size_inches()[1] * _POINTS_PER_INCH / _LINE_POINTS
    ordered = sorted(labels, key=lambda label: label[1][1])
    positions = [(y - low) / (high - low) * lines for _, (_, y), _ in ordered]
    right = axes.get_xlim()[1]
    for (text, (x, y), role), position in zip(ordered, spread(positions, lines), strict=True):
        leader: dict[str, Any] = {"color": ROLE_COLOURS[role], "linewidth": 0.7}
        axes.plot((x, right), (y, y), alpha=0.6, **leader)
        axes.annotate(
            text,
            xy=(right, y),
            xytext=(1.035, low + position / lines * (high - low)),
            textcoords=axes.get_yaxis_transform(),
            va="center",
            ha="left",
            annotation_clip=False,
            arrowprops={"arrowstyle": "-", "relpos": (0, 0.5), "patchA": None, "shrinkA": 2, "shrinkB": 0, **leader},
        )
