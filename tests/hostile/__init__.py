"""Requests that mean harm, or only confusion, and what each must be answered with."""
