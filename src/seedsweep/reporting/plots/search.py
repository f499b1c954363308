"""What a search came to: the best score so far by suggestion, and the score by each setting that it varied."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from seedsweep.reporting.plots.canvas import blank, plain, write
from seedsweep.reporting.plots.labels import fitted
from seedsweep.reporting.plots.legends import legend_below
from seedsweep.reporting.tables.search_ranking import best_so_far

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from seedsweep.reporting.tables.search_ranking import RankedTrial, Ranking

_MOST_AXES = 9
_COLUMNS = 3
_BLUE, _ORANGE, _SKY = "#0072B2", "#D55E00", "#56B4E9"
_SIZE = 8.0
# How much further than the best lies from the median of all scores the scale goes on to the other side.
_TAIL = 2.0
_BEYOND: dict[bool, dict[str, Any]] = {
    below: {"marker": "v" if below else "^", "color": _BLUE, "markersize": 5, "linestyle": "none"}
    for below in (True, False)
}
# A range whose ends differ by more than this is drawn with equal ratios equally far apart.
_LOG_FROM = 50.0
# Up to so many values of a list stand side by side, also where they are numbers.
_FEW = 6


def draw_search(ranking: Ranking, *, title: str, path: Path) -> None:
    """Write how a search went.

    Args:
        ranking: what it found.
        title: what stands above it.
        path: a .png file.

    Raises:
        OSError: there is no room.
    """
    write(search_figure(ranking, title=title), path)


@plain()
def search_figure(ranking: Ranking, *, title: str) -> Figure:
    """Return the picture that `draw_search` writes."""
    axes = ranking.search.axes[:_MOST_AXES]
    rows = -(-len(axes) // _COLUMNS)
    figure = blank(3.1 * _COLUMNS, 2.9 + 2.5 * rows)
    figure.suptitle(fitted(title, 3.1 * _COLUMNS - 0.6, 11, lines=2), fontsize=11)
    grid = figure.add_gridspec(rows + 1, _COLUMNS)
    _fill_progress(figure.add_subplot(grid[0, :]), ranking)
    for number, axis in enumerate(axes):
        panel = figure.add_subplot(grid[1 + number // _COLUMNS, number % _COLUMNS])
        _fill_axis(panel, ranking, axis)
        if number % _COLUMNS == 0:
            panel.set_ylabel(_label(ranking), fontsize=_SIZE)
    notes = []
    if len(ranking.search.axes) > len(axes):
        notes.append(f"{len(ranking.search.axes) - len(axes)} more settings are not shown.")
    if missing := sum(row.score is None for row in ranking.rows):
        notes.append(
            f"{missing} of {len(ranking.rows)} suggestions have no score: they failed, diverged or were stopped."
        )
    low, high = _limits(ranking)
    if beyond := sum(row.score is not None and not low <= _shown(ranking, row.score) <= high for row in ranking.rows):
        scores = "1 score lies" if beyond == 1 else f"{beyond} scores lie"
        notes.append(f"{scores} beyond the scale, where a triangle stands at its edge.")
    legend_below(figure, _entries(ranking), notes)
    return figure


def _fill_progress(panel: Axes, ranking: Ranking) -> None:
    """Draw each suggestion's score, and the best up to it."""
    by_number = sorted(ranking.rows, key=lambda row: row.suggestion)
    numbers = [row.suggestion for row in by_number]
    best = best_so_far(ranking.rows, maximize=ranking.search.maximize)
    known = [(number, _shown(ranking, value)) for number, value in zip(numbers, best, strict=True) if value is not None]
    if known:
        panel.step(*zip(*known, strict=True), where="post", color=_BLUE, linewidth=1.6, zorder=2)
    _scatter(panel, ranking, [(row.suggestion, row) for row in by_number])
    if ranking.confirmed:
        panel.axhline(_shown(ranking, ranking.confirmed.mean), color=_ORANGE, linewidth=1.2, linestyle="--", zorder=1)
    panel.set_xlabel("suggestion", fontsize=_SIZE)
    panel.set_ylabel(_label(ranking), fontsize=_SIZE)
    panel.xaxis.set_major_locator(MaxNLocator(integer=True))
    _dress(panel)


def _fill_axis(panel: Axes, ranking: Ranking, axis: str) -> None:
    """Draw the score by one setting."""
    known = [row for row in ranking.rows if row.score is not None]
    texts = [row.values[axis] for row in known]
    numbers = _numbers(texts)
    choices = sorted(dict.fromkeys(texts), key=None if numbers is None else float)
    if numbers is None or len(choices) <= min(_FEW, len(texts) - 1):  # a list of values, of which some were tried twice
        points = [(float(choices.index(row.values[axis])), row) for row in known]
        panel.set_xticks(range(len(choices)), [fitted(choice, 1.2, _SIZE) for choice in choices], fontsize=_SIZE)
        panel.set_xlim(-0.5, len(choices) - 0.5)
    else:
        points = [(float(row.values[axis]), row) for row in known]
        if min(numbers, default=0) > 0 and max(numbers) / min(numbers) > _LOG_FROM:
            panel.set_xscale("log")
            panel.xaxis.set_major_locator(LogLocator(numticks=5))
            panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            panel.xaxis.set_minor_formatter(NullFormatter())
    _scatter(panel, ranking, points)
    panel.set_xlabel(fitted(axis, 2.6, _SIZE), fontsize=_SIZE)
    _dress(panel)


def _scatter(panel: Axes, ranking: Ranking, points: Sequence[tuple[float, RankedTrial]]) -> None:
    """Draw scores; those of trials that were trained for fewer epochs than others are hollow."""
    longest = max((row.epochs for row in ranking.rows), default=0)
    winner = ranking.winner
    low, high = _limits(ranking)
    panel.set_ylim(low, high)
    for place, row in points:
        if row.score is None:
            continue
        score = _shown(ranking, row.score)
        if not low <= score <= high:
            edge = low if score < low else high
            panel.plot([place], [edge], clip_on=False, zorder=3, **_BEYOND[score < low])
            continue
        whole = row.epochs == longest
        is_winner = winner is not None and row.suggestion == winner.suggestion
        panel.plot(
            [place],
            [score],
            marker="D" if is_winner else "o",
            markersize=6.5 if is_winner else 4,
            markerfacecolor=_ORANGE if is_winner else _SKY if whole else "white",
            markeredgecolor=_ORANGE if is_winner else _BLUE,
            linestyle="none",
            zorder=4 if is_winner else 3,
        )


def _limits(ranking: Ranking) -> tuple[float, float]:
    """Return the ends of the scale of scores: the better half is to be seen well, whatever the worst came to."""
    sign = 1 if ranking.search.maximize else -1
    scores = sorted(sign * _shown(ranking, row.score) for row in ranking.rows if row.score is not None)
    if ranking.confirmed:
        scores = sorted([*scores, sign * _shown(ranking, ranking.confirmed.mean)])
    if not scores:
        return 0.0, 1.0
    best, middle = scores[-1], scores[len(scores) // 2]
    worst = max(scores[0], middle - _TAIL * (best - middle))
    room = 0.06 * (best - worst) or 0.5
    ends = (sign * (worst - room), sign * (best + room))
    return min(ends), max(ends)


def _dress(panel: Axes) -> None:
    panel.grid(color="#E4E4E4", linewidth=0.7)
    panel.set_axisbelow(True)
    panel.spines[["top", "right"]].set_visible(False)
    panel.tick_params(labelsize=_SIZE)
    panel.ticklabel_format(axis="y", useOffset=False)


def _numbers(texts: Sequence[str]) -> list[float] | None:
    try:
        return [float(text) for text in texts]
    except ValueError:
        return None


def _shown(ranking: Ranking, value: float) -> float:
    return 100 * value if ranking.search.objective.endswith("accuracy") else value


def _label(ranking: Ranking) -> str:
    name = ranking.search.objective
    return f"{name}, %" if name.endswith("accuracy") else name


def _entries(ranking: Ranking) -> list[tuple[Line2D, str]]:
    """Return what the legend explains: what is there, and nothing else."""

    def mark(face: str, edge: str, shape: str = "o") -> Line2D:
        return Line2D([], [], marker=shape, markerfacecolor=face, markeredgecolor=edge, linestyle="none")

    entries = [(Line2D([], [], color=_BLUE, linewidth=1.6), "best so far"), (mark(_SKY, _BLUE), "one trial")]
    if len({row.epochs for row in ranking.rows}) > 1:
        entries.append((mark("white", _BLUE), "trained for fewer epochs"))
    if ranking.winner:
        entries.append((mark(_ORANGE, _ORANGE, "D"), "the winner"))
    if ranking.confirmed:
        line = Line2D([], [], color=_ORANGE, linewidth=1.2, linestyle="--")
        entries.append((line, f"the winner again, mean of {ranking.confirmed.n} fresh seeds"))
    return entries
