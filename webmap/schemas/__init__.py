"""Bodies of requests and answers, one noun a file: what /openapi.json describes."""
