"""Golden files: the wire of each verb, byte by byte."""
