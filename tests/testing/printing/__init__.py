"""Tables as the recorded server printed them."""
