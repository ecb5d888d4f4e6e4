"""The mathematics of Foldin: arrays in, arrays out; no web, no SQL, no clock, no log, no global random state.

Start reading at `objective.py`, which states the one loss that everything here minimizes.
"""

from app.factorization.content import content_bridge
from app.factorization.diversity import maximal_marginal_relevance
from app.factorization.fit import METHODS, fit
from app.factorization.fold_in import FoldIn, FoldInItem
from app.factorization.interviewing import Interview, choose_questions, newcomer
from app.factorization.objective import Epoch, Factors, Hyperparameters, loss
from app.factorization.posterior import sample_user, score_variances
from app.factorization.top_n import similar_items, top_n

__all__ = [
    "METHODS",
    "Epoch",
    "Factors",
    "FoldIn",
    "FoldInItem",
    "Hyperparameters",
    "Interview",
    "choose_questions",
    "content_bridge",
    "fit",
    "loss",
    "maximal_marginal_relevance",
    "newcomer",
    "sample_user",
    "score_variances",
    "similar_items",
    "top_n",
]
