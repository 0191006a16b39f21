"""One suite for every server: the embedded one, real binaries, a cluster. What it says of Kubernetes holds on all."""
