"""What every part of the harness may build on; it knows none of them."""
