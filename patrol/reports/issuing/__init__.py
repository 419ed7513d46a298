"""The life of a bulletin after its draft: review, issue, distribution, errata."""
