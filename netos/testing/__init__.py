"""Tools for testing elements and appliances, ours and yours."""
