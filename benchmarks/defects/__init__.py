"""What planted defects do to borrowers, by their own word, and what the harness said of it."""
