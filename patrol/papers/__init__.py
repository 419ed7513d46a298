"""Papers of a case: which one when, its fields, its number, its Word and PDF, and what is never changed."""
