"""The curve of the unobserved weight as a picture: an SVG of one line, its intervals, and the winner."""

import math
from collections.abc import Sequence

WIDTH, HEIGHT = 720, 420
LEFT, RIGHT, TOP, BOTTOM = 80, 20, 50, 60

Point = dict[str, float]


def draw_curve(curve: Sequence[Point], *, winner: float, metric: str) -> str:
    """Draw the metric over the unobserved weight, which runs logarithmically.

    Parameters
    ----------
    curve : sequence of dict
        With ``unobserved_weight``, ``mean``, ``low`` and ``high``; ascending in the weight.
    winner : float
        The unobserved weight that was chosen.
    metric : str
        What is measured.

    Returns
    -------
    str
        SVG.
    """
    axes = _Axes(curve)
    line = " ".join(f"{axes.x(point):.1f},{axes.y(point['mean']):.1f}" for point in curve)
    band = [(axes.x(point), axes.y(point["high"])) for point in curve]
    band += [(axes.x(point), axes.y(point["low"])) for point in reversed(curve)]
    outline = " ".join(f"{x:.1f},{y:.1f}" for x, y in band)
    dots = [
        f'<circle cx="{axes.x(point):.1f}" cy="{axes.y(point["mean"]):.1f}" '
        f'r="{7 if point["unobserved_weight"] == winner else 4}" fill="{_colour(point, winner)}"/>'
        for point in curve
    ]
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif"',
        ' font-size="13">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<text x="{LEFT}" y="28" font-size="16">{metric} on held-out ratings, by unobserved weight (w0)</text>',
        *axes.grid(curve),
        f'<polygon points="{outline}" fill="#3465a4" fill-opacity="0.15"/>',
        f'<polyline points="{line}" fill="none" stroke="#3465a4" stroke-width="2"/>',
        *dots,
        f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 14}" text-anchor="middle">'
        f"w0 (chosen: {winner:.3g}); the band is the 95 % interval over users</text>",
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


class _Axes:
    """Where a value lies on the picture."""

    def __init__(self, curve: Sequence[Point]) -> None:
        weights = [math.log10(point["unobserved_weight"]) for point in curve]
        self.first, self.last = min(weights), max(weights)
        self.low = min(point["low"] for point in curve)
        self.high = max(point["high"] for point in curve)

    def x(self, point: Point) -> float:
        share = (math.log10(point["unobserved_weight"]) - self.first) / ((self.last - self.first) or 1.0)
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        return HEIGHT - BOTTOM - (value - self.low) / ((self.high - self.low) or 1.0) * (HEIGHT - TOP - BOTTOM)

    def grid(self, curve: Sequence[Point]) -> list[str]:
        lines = []
        for step in range(5):
            value = self.low + step / 4 * (self.high - self.low)
            y = self.y(value)
            lines.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#dddddd"/>')
            lines.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{value:.3f}</text>')
        for point in curve:
            weight = point["unobserved_weight"]
            if math.log10(weight) % 1 < 1e-9 or weight in {0.003, 0.03, 0.3}:
                y = HEIGHT - BOTTOM + 20
                lines.append(f'<text x="{self.x(point):.1f}" y="{y}" text-anchor="middle">{weight:g}</text>')
        return lines


def _colour(point: Point, winner: float) -> str:
    return "#cc0000" if point["unobserved_weight"] == winner else "#3465a4"
