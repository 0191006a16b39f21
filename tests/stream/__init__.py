"""Tests of what flows into and out of containers."""
