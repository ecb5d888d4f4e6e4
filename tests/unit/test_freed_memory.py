"""Memory that is freed goes back to the system, where the C library is glibc."""

import platform
import subprocess
import sys

import pytest

MEBIBYTE = 1 << 20
# One large array that comes and goes makes glibc keep what is freed later; then thirty of two megabytes.
SCRIPT = f"""
import resource, sys
import numpy as np
from app.freed_memory import give_memory_back

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()

large = np.ones(24 * {MEBIBYTE}, np.uint8)
del large
if sys.argv[1] == "given back":
    give_memory_back()
before = resident()
arrays = [np.ones(2 * {MEBIBYTE}, np.uint8) for _ in range(20)]
assert resident() - before > 30 * {MEBIBYTE}
del arrays
print(resident() - before)
"""


# elsewhere the function does nothing, and what is kept is the other library's affair
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries have other ways, and no mallopt")
@pytest.mark.parametrize(("what", "is_kept"), [("given back", False), ("left to itself", True)])
def test_freed_arrays_go_back_to_the_system(what: str, is_kept: bool):
    done = subprocess.run([sys.executable, "-c", SCRIPT, what], capture_output=True, text=True, check=True)
    assert (int(done.stdout) > 20 * MEBIBYTE) is is_kept
