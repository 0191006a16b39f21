"""The real kubectl against `dynkube serve`."""
