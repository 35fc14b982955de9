"""The web: the resource tree, the fixed addresses, the pages, and what guards them."""
