"""Long streams without a reset: how far the integer states stray from the float network's, and whether that grows."""
