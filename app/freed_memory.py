"""What is done with memory that is not needed any more."""

import ctypes

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8  # of the C library's mallopt
_LARGE_BYTES = 1 << 19  # a mask of a million items is larger


def give_memory_back() -> None:
    """Have the C library return what is freed to the system, where it is glibc.

    Left to itself it keeps up to 64 MB of freed memory for each thread, once large arrays have come and gone in it;
    and where arrays of a megabyte or two lie among small things, hardly any of it is ever free from end to end.
    """
    library = ctypes.CDLL(None)
    if hasattr(library, "mallopt") and hasattr(library, "malloc_trim"):
        library.mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)
        library.mallopt(_M_TRIM_THRESHOLD, _LARGE_BYTES)
        library.mallopt(_M_ARENA_MAX, 1)  # whoever allocates holds the GIL anyway, but for the kernels, which do not
        library.malloc_trim(0)
