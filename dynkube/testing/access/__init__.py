"""Who asks and what they may do: authentication, RBAC, the review APIs; certificates and kubeconfigs to get in."""
