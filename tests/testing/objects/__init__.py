"""Decoding, defaults, validation and the rules of kinds, against recorded objects."""
