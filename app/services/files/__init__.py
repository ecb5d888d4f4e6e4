"""Files of ratings and items, in and out: told apart, read in blocks, judged by the policy, resumed after a stop."""
