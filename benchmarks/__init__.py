"""Measurements of dynkube beside the floor (http.client and json.loads) and the other Python clients.

``python -m benchmarks`` runs every job for every client it finds, each in a process of its own, against one fast TLS
server with canned bytes, and prints ratios to the floor of the same run. No absolute time means anything here: the
machine is shared, so only figures taken side by side are compared.
"""
