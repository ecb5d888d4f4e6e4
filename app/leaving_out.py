"""Loading libraries without parts that they would load, that Foldin does not use, and that each process would hold."""

import importlib
import sys
from typing import Any


def load_without(left_out: str, module: str) -> None:
    """Load a module while another cannot be found, which it does without; others may load that one later.

    Parameters
    ----------
    left_out : str
        What it does not find; where it is loaded already, nothing is left out.
    module : str
        What to load.
    """
    modules: dict[str, Any] = sys.modules
    is_absent = left_out not in modules
    if is_absent:
        modules[left_out] = None  # what Python's import takes for not there
    try:
        importlib.import_module(module)
    finally:
        if is_absent:
            del modules[left_out]
