"""Foldin: a recommendation microservice whose every rating is folded in to the very next answer."""
