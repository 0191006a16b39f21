"""Configuration: where the API server is and who we are, from a kubeconfig, a pod, or by hand."""

from __future__ import annotations

from dynkube.config.base_url import BaseURL, parse_base_url
from dynkube.config.credentials import AuthProviderConfig, ExecConfig, Impersonation
from dynkube.config.in_cluster import in_cluster_config
from dynkube.config.kubeconfig import Kubeconfig
from dynkube.config.loading import load_config
from dynkube.config.model import Config
from dynkube.config.timeouts import UNSET, Timeout, TimeoutLike, Unset

__all__ = [
    "UNSET",
    "AuthProviderConfig",
    "BaseURL",
    "Config",
    "ExecConfig",
    "Impersonation",
    "Kubeconfig",
    "Timeout",
    "TimeoutLike",
    "Unset",
    "in_cluster_config",
    "load_config",
    "parse_base_url",
]
