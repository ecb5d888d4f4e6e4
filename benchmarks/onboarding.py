"""How fast a newcomer becomes known: asking by information, by popularity and at random, drawn as a curve.

    python -m benchmarks.onboarding [--svg FILE] [--questions 20] [--users 200]
    FOLDIN_BENCH_DATA=DIRECTORY takes DIRECTORY/ml-latest-small/ratings.csv instead of generated ratings

Users are held out of the training. Half of each one's ratings can be asked about, where other items are answered with
"I do not know it"; after every question the answers are folded in, and the ranking of all items that were not answered
is judged by the other half: NDCG@10 of those at or above 0.75 of the scale.
"""

import argparse
import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from app.factorization.fit import fit
from app.factorization.fold_in import FoldIn
from app.factorization.hyperparameters import Hyperparameters
from app.factorization.interviewing import choose_questions, known_gramian, newcomer
from app.factorization.quantized import QuantizedVectors
from app.factorization.top_n import top_n
from benchmarks.invented_ratings import invented_ratings

RELEVANT, N_SHOWN, N_CANDIDATES = 0.75, 10, 1000
COLOURS = {"information": "#1b6ca8", "popularity": "#c0392b", "chance": "#7f8c8d"}


def load() -> tuple[str, csr_array]:
    """Read the ratings to simulate with."""
    directory = os.environ.get("FOLDIN_BENCH_DATA", "")
    if not directory:
        return "generated, 3,000 users x 1,000 items", invented_ratings(3_000, 1_000, 150_000)
    rows = np.loadtxt(Path(directory) / "ml-latest-small" / "ratings.csv", delimiter=",", skiprows=1, usecols=(0, 1, 2))
    users, items = (np.unique(rows[:, column], return_inverse=True)[1] for column in (0, 1))
    return "ml-latest-small", csr_array(((rows[:, 2] / 5.0).astype(np.float32), (users, items)))


def simulate(user_items: csr_array, n_users: int, n_questions: int, seed: int = 0) -> dict[str, NDArray[np.float64]]:
    """Ask every held-out user in three ways.

    Returns the mean NDCG@10 after 0, 1, … questions by each.
    """
    rng = np.random.default_rng(seed)
    many = np.flatnonzero(np.diff(user_items.indptr) >= 20)
    held_out = rng.choice(many, size=min(n_users, len(many) // 2), replace=False)
    kept = np.setdiff1d(np.arange(user_items.shape[0]), held_out)
    training = user_items[kept]
    training.sort_indices()
    factors = fit(training, Hyperparameters(n_factors=32), n_threads=os.cpu_count() or 1)
    counts = np.bincount(training.indices, minlength=training.shape[1]).astype(np.float64)
    popular = np.argsort(-counts, kind="stable")[:N_CANDIDATES]
    fold_in, vectors = FoldIn.of(factors), factors.item_factors
    products = known_gramian(vectors, counts / len(kept))
    shares = (counts[popular] + 0.5) / (len(kept) + 1.0)
    curves = {name: np.zeros(n_questions + 1) for name in COLOURS}
    n_judged = 0
    for user in held_out:
        begin, end = user_items.indptr[user : user + 2]
        order = rng.permutation(np.arange(begin, end))
        known = {int(user_items.indices[at]): float(user_items.data[at]) for at in order[: len(order) // 2]}
        relevant = {int(user_items.indices[at]) for at in order[len(order) // 2 :] if user_items.data[at] >= RELEVANT}
        if not relevant:
            continue
        n_judged += 1
        for name, curve in curves.items():
            interview, left = newcomer(factors, fold_in), list(range(len(popular)))
            answered: dict[int, float] = {}
            shuffled = rng.permutation(len(popular)).tolist()
            for turn in range(n_questions + 1):
                curve[turn] += _ndcg(fold_in, answered, relevant)
                if name == "information":
                    best, _ = choose_questions(interview, vectors[popular[left]], shares[left], products, 1)
                    chosen = left[best[0]]
                else:
                    chosen = left[0] if name == "popularity" else shuffled[turn]
                left.remove(chosen)
                item = int(popular[chosen])
                interview = interview.after(vectors[item], known.get(item))
                if item in known:
                    answered[item] = known[item]
    return {name: curve / max(n_judged, 1) for name, curve in curves.items()}


def _ndcg(fold_in: FoldIn, answered: dict[int, float], relevant: set[int]) -> float:
    items = sorted(answered)
    vector = fold_in.fold_in_user(items, [answered[item] for item in items])
    excluded = np.zeros(len(fold_in.item_factors), np.bool_)
    excluded[items] = True
    best, _ = top_n(QuantizedVectors.of(fold_in.item_factors), vector, N_SHOWN, excluded=excluded)
    gain = sum(1.0 / np.log2(place + 2) for place, item in enumerate(best.tolist()) if item in relevant)
    return float(gain / sum(1.0 / np.log2(place + 2) for place in range(min(N_SHOWN, len(relevant)))))


def draw(curves: dict[str, NDArray[np.float64]], title: str) -> str:
    """Draw the curves as an SVG picture."""
    low, high = min(curve.min() for curve in curves.values()), max(curve.max() for curve in curves.values())
    span = max(high - low, 1e-9)
    lines = []
    for name, curve in curves.items():
        points = " ".join(
            f"{60 + 500 * turn / max(len(curve) - 1, 1):.1f},{280 - 240 * (value - low) / span:.1f}"
            for turn, value in enumerate(curve)
        )
        end = 284 - 240 * (curve[-1] - low) / span
        lines.append(f'<polyline points="{points}" fill="none" stroke="{COLOURS[name]}" stroke-width="2"/>')
        lines.append(f'<text x="566" y="{end:.1f}" fill="{COLOURS[name]}">{name}</text>')
    n_questions = len(next(iter(curves.values()))) - 1
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
    """Simulate, print the table, draw the picture."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--svg", type=Path, help="where to draw the curves")
    parser.add_argument("--questions", type=int, default=20)
    parser.add_argument("--users", type=int, default=200)
    arguments = parser.parse_args()
    title, user_items = load()
    curves = simulate(user_items, arguments.users, arguments.questions)
    print(f"NDCG@{N_SHOWN} after each number of questions; {title}")
    print("questions    " + "".join(f"{name:>13}" for name in curves))
    for turn in sorted({0, 1, 2, 3, 5, 10, 15, 20, arguments.questions}):
        if turn <= arguments.questions:
            print(f"{turn:>9}    " + "".join(f"{curve[turn]:>13.4f}" for curve in curves.values()))
    if arguments.svg:
        arguments.svg.write_text(draw(curves, title))


if __name__ == "__main__":
    main()
