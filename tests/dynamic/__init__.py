"""Tests of the dynamic layer."""
