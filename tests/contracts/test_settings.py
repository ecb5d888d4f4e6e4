"""The README's table of settings is the code's."""

from pathlib import Path

from app.config import Settings
from app.factorization.hyperparameters import Hyperparameters

README = Path(__file__).parents[2] / "README.md"


def settings_table() -> str:
    """The table as the README shows it."""
    rows = ["| variable | default | what it does |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        default = "" if field.default_factory or field.default in {None, "", ()} else f"`{field.default}`"
        rows.append(f"| `FOLDIN_{name.upper()}` | {default} | {field.description} |")
    return "\n".join(rows)


def test_the_readme_says_what_the_hyper_parameters_are_without_a_setting():
    default = Hyperparameters()
    assert (
        f"{default.n_factors} factors, w0 {default.unobserved_weight}, λ {default.regularization}, "
        f"ν {default.regularization_exponent}, ρ {default.recency:g} and {default.n_epochs} epochs"
    ) in README.read_text()


def test_the_readme_lists_every_setting_with_its_default_and_meaning():
    assert settings_table() in README.read_text(), f"the README's table should read:\n{settings_table()}"
