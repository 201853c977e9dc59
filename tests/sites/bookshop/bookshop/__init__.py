"""A small Django site: a shelf of books, and a view that lists them."""
