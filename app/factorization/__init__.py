"""The mathematics of Foldin: arrays in, arrays out; no web, no SQL, no clock, no log, no global random state."""
