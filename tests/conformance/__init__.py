"""The recorded answers of a real kube-apiserver, replayed in both directions."""
