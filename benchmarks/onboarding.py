"""How fast a newcomer becomes known: several ways of asking, drawn as curves.

    python -m benchmarks.onboarding [--only ml-latest-small ml-100k] [--questions 20] [--users 400]

FOLDIN_BENCH_DATA names the directory of the data.

Users are held out of the training. Half of each one's ratings can be asked about, where other items are answered with
"I do not know it"; after every question the answers are folded in, and the ranking of all items that were not answered
is judged by the other half: NDCG@10 of those at or above 0.75 of the scale.
"""

import argparse
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from app.factorization.arrays import Doubles
from app.factorization.fit import fit
from app.factorization.fold_in import FoldIn
from app.factorization.hyperparameters import Hyperparameters
from app.factorization.interviewing import Interview, choose_questions, newcomer
from app.factorization.posterior import precision
from app.factorization.top_n import scores_of
from benchmarks.tables import IS_QUICK, measured

RELEVANT, N_SHOWN, N_CANDIDATES, N_FACTORS = 0.75, 10, 1000, 32
SOURCES = {"ml-latest-small": ("ratings.csv", ",", 1), "ml-100k": ("u.data", None, 0)}
PICTURE = "onboarding-{}.svg"


@dataclass(slots=True)
class Known:
    """What a strategy may look at: the model, the items that may be asked about, and one person's answers so far."""

    fold_in: FoldIn
    items: NDArray[np.intp]
    shares: Doubles
    people: Interview
    answers: dict[int, float] = field(default_factory=dict)
    unknown: list[int] = field(default_factory=list)

    def scores(self) -> NDArray[np.float32]:
        """Score every item by what was answered."""
        rated = sorted(self.answers)
        vector = self.fold_in.fold_in_user(rated, [self.answers[item] for item in rated])
        return scores_of(self.fold_in.item_factors[:], vector)

    def learn(self, place: int, answer: float | None) -> None:
        """Take an answer about the candidate in a place."""
        item = int(self.items[place])
        vector, share = self.fold_in.item_factors[item], float(self.shares[place])
        self.people = self.people.after(vector, share, is_known=answer is not None)
        if answer is None:
            self.unknown.append(item)
        else:
            self.answers[item] = answer


def _as_served(known: Known, rng: np.random.Generator) -> Doubles:  # noqa: ARG001 - strategies have one form
    vectors = known.fold_in.item_factors[known.items]
    scores = known.scores()[known.items]
    chosen, merits = choose_questions(known.people, vectors, known.shares, scores, len(vectors))
    found = np.empty(len(vectors))
    found[chosen] = merits
    return found


def _popularity(known: Known, rng: np.random.Generator) -> Doubles:  # noqa: ARG001
    return known.shares


def _chance(known: Known, rng: np.random.Generator) -> Doubles:
    return rng.random(len(known.items))


def _left(known: Known) -> tuple[Doubles, Doubles, Doubles]:
    # v_i of the candidates, A_u⁻¹ v_i, and v_iᵀ A_u⁻¹ v_i
    vectors = known.fold_in.item_factors[known.items].astype(np.float64)
    system = precision(known.fold_in, sorted(known.answers))
    moved = np.asarray(np.linalg.solve(system, vectors.T).T, np.float64)
    return vectors, moved, np.einsum("if,if->i", moved, vectors)


def _d_optimal(known: Known, rng: np.random.Generator) -> Doubles:  # noqa: ARG001
    merits: Doubles = known.shares * np.log1p(_left(known)[2])  # how much the ellipsoid of what is possible shrinks
    return merits


def _a_optimal(known: Known, rng: np.random.Generator) -> Doubles:  # noqa: ARG001
    vectors, moved, uncertainty = _left(known)
    weights = (vectors.T * known.shares) @ vectors  # what matters is the scores of what people know
    gains = np.einsum("if,if->i", moved @ weights, moved) / (1.0 + uncertainty)
    merits: Doubles = known.shares * gains
    return merits


STRATEGIES: dict[str, tuple[str, Callable[[Known, np.random.Generator], Doubles]]] = {
    "as served": ("#1b6ca8", _as_served),
    "popularity": ("#c0392b", _popularity),
    "A-optimal": ("#8e44ad", _a_optimal),
    "D-optimal": ("#27ae60", _d_optimal),
    "chance": ("#7f8c8d", _chance),
}


def load(name: str) -> csr_array:
    """Read ratings as places on their scale."""
    file, delimiter, n_head = SOURCES[name]
    rows = np.loadtxt(
        Path(os.environ["FOLDIN_BENCH_DATA"]) / name / file, delimiter=delimiter, skiprows=n_head, usecols=(0, 1, 2)
    )
    users, items = (np.unique(rows[:, column], return_inverse=True)[1] for column in (0, 1))
    return csr_array(((rows[:, 2] / 5.0).astype(np.float32), (users, items)))


def simulate(user_items: csr_array, n_users: int, n_questions: int) -> dict[str, Doubles]:
    """Ask held-out users, half of them with each of two models, which know the other half.

    Returns by strategy the NDCG@10 of each user after 0, 1, … questions.
    """
    rng = np.random.default_rng(0)
    many = np.flatnonzero(np.diff(user_items.indptr) >= 20)
    chosen = rng.permutation(many)[:n_users]
    found: dict[str, list[Doubles]] = {name: [] for name in STRATEGIES}
    for held_out in (chosen[::2], chosen[1::2]):
        _simulate_some(user_items, held_out, n_questions, rng, found)
    return {name: np.array(curves) for name, curves in found.items()}


def _simulate_some(
    user_items: csr_array,
    held_out: NDArray[np.intp],
    n_questions: int,
    rng: np.random.Generator,
    found: dict[str, list[Doubles]],
) -> None:
    training = user_items[np.setdiff1d(np.arange(user_items.shape[0]), held_out)]
    training.sort_indices()
    factors = fit(training, Hyperparameters(n_factors=N_FACTORS), n_threads=os.cpu_count() or 1)
    counts = np.bincount(training.indices, minlength=training.shape[1])
    popular = np.argsort(-counts, kind="stable")[:N_CANDIDATES]
    fold_in = FoldIn.of(factors)
    shares: Doubles = ((counts[popular] + 0.5) / (training.shape[0] + 1.0)).astype(np.float64)
    for user in held_out:
        begin, end = user_items.indptr[user : user + 2]
        order = rng.permutation(np.arange(begin, end))
        own = {int(user_items.indices[at]): float(user_items.data[at]) for at in order[: len(order) // 2]}
        relevant = {int(user_items.indices[at]) for at in order[len(order) // 2 :] if user_items.data[at] >= RELEVANT}
        if not relevant:
            continue
        for name, (_, merits_of) in STRATEGIES.items():
            known = Known(fold_in, popular, shares, newcomer(factors))
            is_left, curve = np.ones(len(popular), np.bool_), np.empty(n_questions + 1)
            for turn in range(n_questions + 1):
                curve[turn] = _ndcg(known, relevant)
                place = int(np.argmax(np.where(is_left, merits_of(known, rng), -np.inf)))
                is_left[place] = False
                known.learn(place, own.get(int(popular[place])))
            found[name].append(curve)


def _ndcg(known: Known, relevant: set[int]) -> float:
    scores = known.scores()
    scores[list(known.answers)] = -np.inf
    best = np.argsort(-scores, kind="stable")[:N_SHOWN]
    gain = sum(1.0 / np.log2(place + 2) for place, item in enumerate(best.tolist()) if item in relevant)
    return float(gain / sum(1.0 / np.log2(place + 2) for place in range(min(N_SHOWN, len(relevant)))))


def draw(curves: dict[str, Doubles], title: str) -> str:
    """Draw the curves as an SVG picture."""
    means = {name: found.mean(axis=0) for name, found in curves.items()}
    low, high = min(curve.min() for curve in means.values()), max(curve.max() for curve in means.values())
    span, height, lines = max(high - low, 1e-9), 240, []
    names = sorted(means, key=lambda name: -means[name][-1])
    for place, name in enumerate(names):
        curve, colour = means[name], STRATEGIES[name][0]
        points = " ".join(
            f"{60 + 500 * turn / max(len(curve) - 1, 1):.1f},{280 - height * (value - low) / span:.1f}"
            for turn, value in enumerate(curve)
        )
        lines.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>')
        lines.append(f'<text x="566" y="{44 + 16 * place}" fill="{colour}">{name}</text>')
    n_questions = len(means[names[0]]) - 1
    return f"""<svg xmlns="http://www.w3.org/2000/svg" width="660" height="330" font-family="sans-serif" font-size="12">
<rect width="660" height="330" fill="white"/>
<text x="60" y="24" font-size="14">NDCG@10 after each question ({title})</text>
<path d="M60 40V280H560" fill="none" stroke="#333"/>
<text x="52" y="284" text-anchor="end">{low:.3f}</text><text x="52" y="44" text-anchor="end">{high:.3f}</text>
<text x="60" y="300">0</text><text x="560" y="300" text-anchor="middle">{n_questions} questions</text>
{chr(10).join(lines)}
</svg>
"""


def main() -> None:
    """Simulate, make the tables, draw the pictures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=SOURCES, default=list(SOURCES), metavar="DATA")
    parser.add_argument("--questions", type=int, default=20)
    parser.add_argument("--users", type=int, default=40 if IS_QUICK else 400)
    arguments = parser.parse_args()
    if "FOLDIN_BENCH_DATA" not in os.environ:
        print("onboarding: skipped, since FOLDIN_BENCH_DATA does not say where the data is")
        return
    turns = [turn for turn in (1, 3, 5, 10, 20) if turn <= arguments.questions]
    header = ("NDCG@10", *(f"after {turn}" for turn in turns), "mean of all", "ahead of popularity (paired, 95 %)")
    for name in arguments.only:
        curves = simulate(load(name), arguments.users, arguments.questions)
        with measured(f"onboarding-{name}", header) as row:
            for strategy, found in curves.items():
                ahead = (found - curves["popularity"])[:, 1:].mean(axis=1)
                around = 1.96 * ahead.std() / np.sqrt(len(ahead))
                text = None if strategy == "popularity" else f"{ahead.mean():+.4f} ± {around:.4f}"
                row(strategy, *found.mean(axis=0)[turns], float(found[:, 1:].mean()), text)
        if not IS_QUICK:
            Path(__file__).with_name(PICTURE.format(name)).write_text(draw(curves, name))


if __name__ == "__main__":
    main()
