"""The mathematics of Foldin: arrays in, arrays out; no web, no SQL, no clock, no log, no global random state.

Start reading at `objective.py`, which states the one loss that everything here minimizes. Import from the modules
themselves: a process that only answers then does not load what only training needs.
"""
