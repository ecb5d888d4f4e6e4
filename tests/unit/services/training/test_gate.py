"""What the gate lets pass, and what not, by numbers alone."""

import pytest

from app.services.training.gate import refusal_of_loss


@pytest.mark.parametrize(
    ("trial", "refit", "passes"),
    [
        (0.04, 0.045, True),
        (0.04, 0.06, False),
        (0.0, 0.0, True),
        (1e-13, 4e-8, True),  # both fit as well as float32 can tell
        (0.0, 9e-7, True),
        (1e-13, 1e-3, False),
        (None, 0.5, True),
    ],
)
def test_a_refit_is_refused_where_its_loss_is_out_of_line_and_not_where_it_is_next_to_nothing(trial, refit, passes):
    assert (refusal_of_loss([1.0, refit * 200], 200, trial) is None) is passes


def test_a_loss_that_is_no_number_is_refused():
    assert refusal_of_loss([float("nan")], 200, 0.5) == "the loss is not finite"
    assert refusal_of_loss([float("inf")], 200, None) == "the loss is not finite"
