"""What watches over the whole suite: that no secret is shown, and that nothing is left behind."""
