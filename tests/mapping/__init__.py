"""Tests of the RESTMapper."""
